/* finite.h - finds the layer where NaN or infinity began. */
#ifndef DNX_FINITE_H
#define DNX_FINITE_H
#include "net/net.h"

/* After a forward pass: DNX_ENUMBER names the first layer whose output is not finite. */
dnx_status dnx_check_outputs(dnx_net *net, dnx_err *err);
/* Checks n results of the network before they are printed or saved. The message names the file
 * `of`. DNX_ENUMBER when one of them is not finite. */
dnx_status dnx_check_numbers(const float *v, size_t n, const char *of, dnx_err *err);
/* DNX_ENUMBER names the first layer with a parameter that is not finite. */
dnx_status dnx_check_params(dnx_net *net, dnx_err *err);
#endif
