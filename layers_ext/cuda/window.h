/* window.h - the windows that a convolution or a pool reads. */
#ifndef DNX_CUDA_WINDOW_H
#define DNX_CUDA_WINDOW_H

/* The geometry of a convolution or a pool. x: batch x h x w x C; y: batch x oh x ow x N; windows of
 * kh x kw pixels. A tap is a position in the window: y * kw + x. */
struct dnx_cuda_window {
    int batch, h, w, C, oh, ow, N, kh, kw, stride, pad, groups;
};
#endif
