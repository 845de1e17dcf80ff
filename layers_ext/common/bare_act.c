/* bare_act.c - an activation function without parameters. */
#include "common/bare_act.h"

#include "kernels/kernels.h"

dnx_status dnx_bare_act_check(const dnx_node *n, int act, dnx_err *err) {
    if (act != DNX_PRELU) return DNX_OK;
    return dnx_fail(
        err, DNX_EOPTION, n->loc,
        "[%s] activation=prelu: has no slopes here; give the activation a section of its own",
        n->type->name);
}

void dnx_bare_act(const dnx_node *n, int act, float *u, long pixels) {
    const dnx_scaled_act a = {.C = n->out.c, .act = (dnx_act)act};
    if (act != DNX_LINEAR) dnx_kernels()->scale_act(u, pixels, &a, NULL, u);
}

void dnx_bare_act_back(int act, const float *dy, const float *u, size_t count, float *du) {
    for (size_t i = 0; i < count; i++) du[i] = dy[i] * dnx_activate_grad(u[i], (dnx_act)act, 0);
}
