// Depthwise convolution with bias and activation in one pass.
//
// x       (N, height, width, channels / multiplier)
// weight  (kernel_h, kernel_w, 1, channels)
// y       (N, out_height, out_width, channels); channel c reads input channel c / multiplier
//
// One thread computes PACK neighbouring channels of one output pixel. PACK > 1 needs a
// multiplier of 1. KERNEL_H and KERNEL_W fix the kernel's size, so that the loops unroll.

extern "C" __global__ void depthwise(
    const float* __restrict__ x, const float* __restrict__ weight, float* __restrict__ y,
    const float* __restrict__ bias, const float* __restrict__ slope,
    int has_bias, int slope_step, int kind, float a, float b,
    long long total, int height, int width, int channels, int multiplier,
    int out_height, int out_width, int kernel_h_given, int kernel_w_given,
    int stride_h, int stride_w, int dilation_h, int dilation_w, int pad_top, int pad_left) {
#ifdef KERNEL_H
    const int kernel_h = KERNEL_H;
    const int kernel_w = KERNEL_W;
    (void)kernel_h_given;
    (void)kernel_w_given;
#else
    const int kernel_h = kernel_h_given;
    const int kernel_w = kernel_w_given;
#endif
    const int packs = channels / PACK;
    const int in_channels = channels / multiplier;
    for (index_t i = first_index(); i < (index_t)total; i += index_step()) {
        index_t rest = i / packs;
        const int c = (int)(i - rest * packs) * PACK;
        const int in_c = c / multiplier;
        const int ox = (int)(rest % out_width);
        rest /= out_width;
        const int oy = (int)(rest % out_height);
        const index_t n = rest / out_height;
        const int top = oy * stride_h - pad_top;
        const int left = ox * stride_w - pad_left;

        pack_t sum = {};
#pragma unroll
        for (int ky = 0; ky < kernel_h; ++ky) {
            const int iy = top + ky * dilation_h;
            if (iy < 0 || iy >= height) {
                continue;
            }
#pragma unroll
            for (int kx = 0; kx < kernel_w; ++kx) {
                const int ix = left + kx * dilation_w;
                if (ix < 0 || ix >= width) {
                    continue;
                }
                const pack_t cell =
                    load_pack(x + ((n * height + iy) * width + ix) * in_channels + in_c);
                const pack_t w =
                    load_pack(weight + ((index_t)ky * kernel_w + kx) * channels + c);
#pragma unroll
                for (int k = 0; k < PACK; ++k) {
                    sum.v[k] += cell.v[k] * w.v[k];
                }
            }
        }
#pragma unroll
        for (int k = 0; k < PACK; ++k) {
            sum.v[k] = finish(
                sum.v[k], c + k, bias, slope, has_bias, slope_step, kind, a, b);
        }
        store_pack(y + i * PACK, sum);
    }
}
