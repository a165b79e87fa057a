// Maximum or mean over windows.
//
// x  (N, height, width, channels);  y  (N, out_height, out_width, channels)
//
// Three regions nest: the cells of the map, the map with its declared padding, and the window,
// which under ceil rounding may reach beyond the padding. Cells beyond it never count.
//
// average   0 maximum, 1 mean
// pad_zero  the maximum sees declared padding as 0; else padding never wins
// count     what a mean divides by: 0 cells of the map, 1 of map and padding, 2 of the window
//
// One thread computes PACK neighbouring channels of one output pixel.

extern "C" __global__ void pool(
    const float* __restrict__ x, float* __restrict__ y,
    long long total, int height, int width, int channels, int out_height, int out_width,
    int kernel_h, int kernel_w, int stride_h, int stride_w,
    int pad_top, int pad_bottom, int pad_left, int pad_right,
    int average, int pad_zero, int count) {
    const int packs = channels / PACK;
    const float lowest = -__int_as_float(0x7f800000);
    for (index_t i = first_index(); i < (index_t)total; i += index_step()) {
        index_t rest = i / packs;
        const int c = (int)(i - rest * packs) * PACK;
        const int ox = (int)(rest % out_width);
        rest /= out_width;
        const int oy = (int)(rest % out_height);
        const index_t n = rest / out_height;

        const int top = oy * stride_h - pad_top;
        const int left = ox * stride_w - pad_left;
        const int y0 = max(top, 0);
        const int y1 = min(top + kernel_h, height);
        const int x0 = max(left, 0);
        const int x1 = min(left + kernel_w, width);

        pack_t out;
#pragma unroll
        for (int k = 0; k < PACK; ++k) {
            out.v[k] = average ? 0.0f : lowest;
        }
        for (int iy = y0; iy < y1; ++iy) {
            for (int ix = x0; ix < x1; ++ix) {
                const pack_t cell = load_pack(x + ((n * height + iy) * width + ix) * channels + c);
#pragma unroll
                for (int k = 0; k < PACK; ++k) {
                    out.v[k] = average ? out.v[k] + cell.v[k] : larger(out.v[k], cell.v[k]);
                }
            }
        }

        const long long inside = (long long)max(y1 - y0, 0) * max(x1 - x0, 0);
        const long long padded = (long long)max(min(top + kernel_h, height + pad_bottom) - top, 0)
            * max(min(left + kernel_w, width + pad_right) - left, 0);
        if (average) {
            const long long cells =
                count == 0 ? inside : (count == 1 ? padded : (long long)kernel_h * kernel_w);
            const float scale = 1.0f / (float)(cells > 1 ? cells : 1);
#pragma unroll
            for (int k = 0; k < PACK; ++k) {
                out.v[k] *= scale;
            }
        } else if (pad_zero && padded > inside) {
#pragma unroll
            for (int k = 0; k < PACK; ++k) {
                out.v[k] = larger(out.v[k], 0.0f);
            }
        }
        store_pack(y + i * PACK, out);
    }
}
