/* mean_windows.h - the mean of each channel over windows of a map. x: B x H x W x C, y: B x OH x OW
 * x C. n->state is a dnx_mean_windows. */
#ifndef DNX_MEAN_WINDOWS_H
#define DNX_MEAN_WINDOWS_H
#include "dnx.h"

typedef struct {
    int size, stride;  /* pixels; size 0: one window, the whole map */
    int before;        /* padding pixels above and left of the map */
    bool counts_zeros; /* pixels outside the map count as zeros */
} dnx_mean_windows;

/* Rows of an option table for the members size, stride and padding of struct s. */
#define DNX_POOL_OPTIONS(s)                                                                        \
    DNX_OPT_INT(s, size, 0, 0, 4096, "side of the window, pixels; 0: equal to stride"),            \
        DNX_OPT_INT(s, stride, 1, 1, 4096, "step between windows, pixels"),                        \
        DNX_OPT_INT(s, padding, -1, -1, 8192, "pixels of both sides together; -1: size - 1")

/* Sets n->out, also for windows of another function. padding: pixels on both sides together. Fails
 * with DNX_ESHAPE when the window is larger than the padded map, with DNX_EOPTION when a window may
 * lie outside of the map. */
dnx_status dnx_windows_shape(dnx_node *n, int size, int stride, int padding, dnx_err *err);
/* The members forward and backward of a type whose state is a dnx_mean_windows. */
void dnx_mean_windows_forward(dnx_node *n, dnx_pass *p);
void dnx_mean_windows_backward(dnx_node *n, dnx_pass *p);
#endif
