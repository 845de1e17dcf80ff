/* build.h - steps of building a network. */
#ifndef DNX_BUILD_H
#define DNX_BUILD_H
#include "net/net.h"
#include "net/options.h"

#define DNX_MAX_FLOATS 8589934592. /* most floats of a tensor: 32 GiB */

/* Finds the inputs of n, the layer that is being built. When n is a loss with a teacher, also opens
 * the teacher. Errors: DNX_EOPTION when n cannot have the inputs that its options name; the errors
 * of opening a teacher. */
dnx_status dnx_net_inputs(dnx_net *net, dnx_node *n, dnx_teacher_opts *teacher, dnx_err *err);

/* Lets layers do part of a neighbour's work (layer/fusion.h). Call it when all layers are made. */
void dnx_net_fuse(dnx_net *net);
#endif
