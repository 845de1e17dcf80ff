/* bare_act.h - the activation y = act(u) of layers without parameters, such as [sam]. */
#ifndef DNX_BARE_ACT_H
#define DNX_BARE_ACT_H
#include "dnx.h"
#include "kernels/activations.h"

/* Fails with DNX_EOPTION if act is DNX_PRELU, because the layer has no slopes. */
dnx_status dnx_bare_act_check(const dnx_node *n, int act, dnx_err *err);
/* Replaces u by act(u), for `pixels` pixels of n->out.c channels. */
void dnx_bare_act(const dnx_node *n, int act, float *u, long pixels);
/* du = dy act'(u) for `count` numbers. du may be u. */
void dnx_bare_act_back(int act, const float *dy, const float *u, size_t count, float *du);
#endif
