/* mean_windows.h - windows of a map, and the mean of each channel over them. x: B x H x W x C, y: B
 * x OH x OW x C. */
#ifndef DNX_MEAN_WINDOWS_H
#define DNX_MEAN_WINDOWS_H
#include "dnx.h"

typedef struct {
    int size, stride;  /* pixels; size 0: one window, the whole map */
    int padding;       /* pixels on both sides together; padding/2 of them are before the map */
    bool counts_zeros; /* the mean counts pixels outside the map as zeros */
} dnx_windows;

/* The options of a pooling layer, and their rows of an option table. dnx_windows_make() reads the
 * options. */
typedef struct {
    int size, stride, padding;
} dnx_pool_opts;
#define DNX_POOL_OPTIONS                                                                           \
    DNX_OPT_INT(dnx_pool_opts, size, 0, 0, 4096,                                                   \
                "side of the window, pixels; 0: equal to stride"),                                 \
        DNX_OPT_INT(dnx_pool_opts, stride, 1, 1, 4096, "step between windows, pixels"),            \
        DNX_OPT_INT(dnx_pool_opts, padding, -1, -1, 8192,                                          \
                    "pixels of both sides together; -1: size - 1")

/* Sets n->out for the windows s. Fails with DNX_ESHAPE when a window is larger than the padded map,
 * with DNX_EOPTION when a window could have nothing but padding. */
dnx_status dnx_windows_shape(dnx_node *n, const dnx_windows *s, dnx_err *err);
/* Sets *s to the windows that n->opts, a dnx_pool_opts, describes. Then calls
 * dnx_windows_shape(), and returns its status. */
dnx_status dnx_windows_make(dnx_node *n, dnx_windows *s, dnx_err *err);
/* Sets [*lo, *hi) to the pixels of window k inside the map, along an axis of len pixels. */
void dnx_window_range(const dnx_windows *s, int k, int len, int *lo, int *hi);
/* The members forward and backward of a layer type whose state is a dnx_windows. */
void dnx_mean_windows_forward(dnx_node *n, dnx_pass *p);
void dnx_mean_windows_backward(dnx_node *n, dnx_pass *p);
#endif
