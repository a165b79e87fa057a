// The part of CUDA C that the kernels use, for a C++ compiler: threads run one after another.
#include <cmath>
#include <cstring>

#define __restrict__ __restrict

#define __global__
#define __device__ static
#define __forceinline__ inline
#define __align__(bytes) __attribute__((aligned(bytes)))

struct simulated_dim3 {
    unsigned int x, y, z;
};

// Host threads launch kernels side by side.
static thread_local simulated_dim3 gridDim, blockDim, blockIdx, threadIdx;

static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }

static inline float __int_as_float(int bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}
