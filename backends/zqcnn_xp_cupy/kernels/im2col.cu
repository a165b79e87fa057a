// Gathers the input cells under each window into the rows of a matrix.
//
// x        (N, height, width, channels)
// columns  (groups, rows, kernel_h * kernel_w * group_channels), zero where a window lies on padding
//
// Rows first_row .. first_row + rows - 1 of the N * out_height * out_width output pixels are
// made, so that the host can work through a large map within a bounded workspace.
// One thread moves PACK channels of one cell; PACK divides group_channels.

extern "C" __global__ void im2col(
    const float* __restrict__ x, float* __restrict__ columns,
    long long total, long long first_row, long long rows,
    int height, int width, int channels, int group_channels, int out_height, int out_width,
    int kernel_h, int kernel_w, int stride_h, int stride_w, int dilation_h, int dilation_w,
    int pad_top, int pad_left) {
    const int packs = group_channels / PACK;
    for (index_t i = first_index(); i < (index_t)total; i += index_step()) {
        index_t rest = i / packs;
        const int c = (int)(i - rest * packs) * PACK;
        const int kx = (int)(rest % kernel_w);
        rest /= kernel_w;
        const int ky = (int)(rest % kernel_h);
        rest /= kernel_h;
        const index_t row = rest % (index_t)rows;
        const int group = (int)(rest / (index_t)rows);

        index_t pixel = row + (index_t)first_row;
        const int ox = (int)(pixel % out_width);
        pixel /= out_width;
        const int oy = (int)(pixel % out_height);
        const index_t n = pixel / out_height;

        const int iy = oy * stride_h - pad_top + ky * dilation_h;
        const int ix = ox * stride_w - pad_left + kx * dilation_w;
        pack_t cell = {};
        if (iy >= 0 && iy < height && ix >= 0 && ix < width) {
            const index_t at = ((n * height + iy) * width + ix) * channels;
            cell = load_pack(x + at + (index_t)group * group_channels + c);
        }
        store_pack(columns + i * PACK, cell);
    }
}
