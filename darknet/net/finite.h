/* finite.h - finds the layer where NaN or infinity begins. */
#ifndef DNX_FINITE_H
#define DNX_FINITE_H
#include "net/net.h"

/* Call it after a forward pass of net->batch images. Returns DNX_ENUMBER when an output is not
 * finite; the message names the first such layer. */
dnx_status dnx_check_outputs(dnx_net *net, dnx_err *err);
/* Returns DNX_ENUMBER when one of n results is not finite; the message names the file `of`. */
dnx_status dnx_check_numbers(const float *v, size_t n, const char *of, dnx_err *err);
/* Returns DNX_ENUMBER when a parameter is not finite; the message names its layer. */
dnx_status dnx_check_params(dnx_net *net, dnx_err *err);
#endif
