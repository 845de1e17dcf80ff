/* train.h - what a run needs around the host's loop: a watch for NaN. */
#ifndef DNX_TRAIN_H
#define DNX_TRAIN_H
#include "feed.h"

/* After a forward pass: DNX_ENUMBER names the first layer whose output is not finite. */
dnx_status dnx_check_outputs(const dnx_net *net, dnx_err *err);
/* DNX_ENUMBER names the first layer with a parameter that is not finite. */
dnx_status dnx_check_params(dnx_net *net, dnx_err *err);
#endif
