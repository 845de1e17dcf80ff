/* window.h - the geometry of a convolution or a pool. */
#ifndef DNX_CUDA_WINDOW_H
#define DNX_CUDA_WINDOW_H

/* x: batch x h x w x C; y: batch x oh x ow x N; windows of kh x kw pixels. pad: zero pixels above
 * and left of the image. A tap is a position in a window; its number is row * kw + column. */
struct dnx_cuda_window {
    int batch, h, w, C, oh, ow, N, kh, kw, stride, pad, groups;
};
#endif
