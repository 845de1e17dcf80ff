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

/* Sets n->out. padding: pixels on both sides together. Fails with DNX_ESHAPE when the window is
 * larger than the padded map. */
dnx_status dnx_mean_windows_shape(dnx_node *n, int size, int stride, int padding, dnx_err *err);
/* The members forward and backward of a type whose state is a dnx_mean_windows. */
void dnx_mean_windows_forward(dnx_node *n, dnx_pass *p);
void dnx_mean_windows_backward(dnx_node *n, dnx_pass *p);
#endif
