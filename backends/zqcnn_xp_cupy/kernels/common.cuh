// Prepended to every kernel file of this folder, so that NVRTC needs no include path.
//
// WIDE_INDEX   64-bit indices, for arrays of more than 2^30 elements. 32-bit divisions are
//              several times quicker, so the host asks for wide ones only where it has to.
// PACK         floats that one thread moves at once; 4 where channel counts and addresses allow.

#ifdef WIDE_INDEX
typedef long long index_t;
#else
typedef int index_t;
#endif

#ifndef PACK
#define PACK 1
#endif

struct __align__(4 * PACK) pack_t {
    float v[PACK];
};

// Kinds of activation; epilogue.py has the same numbers.
enum { LINEAR = 0, RELU = 1, LEAKY = 2, PRELU = 3, CLIP = 4, SIGMOID = 5, TANH = 6, ELU = 7 };

__device__ __forceinline__ index_t first_index() {
    return (index_t)blockIdx.x * (index_t)blockDim.x + (index_t)threadIdx.x;
}

__device__ __forceinline__ index_t index_step() {
    return (index_t)gridDim.x * (index_t)blockDim.x;
}

__device__ __forceinline__ pack_t load_pack(const float* p) {
    return *reinterpret_cast<const pack_t*>(p);
}

__device__ __forceinline__ void store_pack(float* p, pack_t value) {
    *reinterpret_cast<pack_t*>(p) = value;
}

// The comparisons are those of the references, so that a NaN takes the same branch.
__device__ __forceinline__ float activate(float x, int kind, float slope, float a, float b) {
    switch (kind) {
    case RELU:
        return x < 0.0f ? 0.0f : x;
    case LEAKY:
        return x > 0.0f ? x : x * a;
    case PRELU:
        return x > 0.0f ? x : x * slope;
    case CLIP:
        return x < a ? a : (x > b ? b : x);
    case SIGMOID: {
        // The exponential of a value that is never positive cannot overflow.
        const float e = expf(-fabsf(x));
        return (x >= 0.0f ? 1.0f : e) / (1.0f + e);
    }
    case TANH:
        return tanhf(x);
    case ELU:
        return x > 0.0f ? x : a * expm1f(x);
    default:
        return x;
    }
}

// Bias, then activation. `slope_step` is 1 for one slope per channel, 0 for a shared one.
__device__ __forceinline__ float finish(
    float x, int channel, const float* bias, const float* slope,
    int has_bias, int slope_step, int kind, float a, float b) {
    if (has_bias) {
        x += bias[channel];
    }
    return activate(x, kind, kind == PRELU ? slope[channel * slope_step] : 0.0f, a, b);
}

// A maximum that keeps a NaN, as the Array API's does.
__device__ __forceinline__ float larger(float best, float x) {
    return (x > best || x != x) ? x : best;
}
