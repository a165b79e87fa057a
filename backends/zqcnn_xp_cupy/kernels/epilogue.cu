// Adds a bias and applies an activation, in place, to the result of a matrix product.
//
// y  (rows, channels); total counts packs. One thread does PACK neighbouring channels.

extern "C" __global__ void epilogue(
    float* __restrict__ y, const float* __restrict__ bias, const float* __restrict__ slope,
    int has_bias, int slope_step, int kind, float a, float b,
    long long total, int channels) {
    const int packs = channels / PACK;
    for (index_t i = first_index(); i < (index_t)total; i += index_step()) {
        const int c = (int)(i % packs) * PACK;
        pack_t cell = load_pack(y + i * PACK);
#pragma unroll
        for (int k = 0; k < PACK; ++k) {
            cell.v[k] = finish(
                cell.v[k], c + k, bias, slope, has_bias, slope_step, kind, a, b);
        }
        store_pack(y + i * PACK, cell);
    }
}
