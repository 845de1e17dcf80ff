/* shortcut.c - the GPU version of [shortcut]: y = act(alpha*x + beta*f) in the pixels and channels
 * that x and f share, y = act(x) in all others. */
#include "cuda/norm.h"

static struct dnx_cuda_overlap overlap_of(const dnx_node *n) {
    const dnx_shape a = n->in[0], f = n->in[1];
    return (struct dnx_cuda_overlap){.Y = a.h,
                                     .X = a.w,
                                     .C = a.c,
                                     .FY = f.h,
                                     .FX = f.w,
                                     .FC = f.c,
                                     .h = a.h < f.h ? a.h : f.h,
                                     .w = a.w < f.w ? a.w : f.w,
                                     .c = a.c < f.c ? a.c : f.c,
                                     .sample = a.w > f.w ? a.w / f.w : 1,
                                     .stride = f.w > a.w ? f.w / a.w : 1,
                                     .is_all = a.h == f.h && a.w == f.w && a.c == f.c};
}

/* With a linear activation backward() does not read x and f. So both inputs may be stored before
 * their batch norm and activation (deferred). */
static bool loads(const dnx_node *n) { return dnx_gpu_option(n, "activation", 0) == DNX_LINEAR; }

static void forward(dnx_gpu_layer *l, dnx_pass *p) {
    const dnx_node *n = l->node;
    struct sum_args a = {.x = p->x[0],
                         .f = p->x[1],
                         .y = p->y,
                         .count = (long)p->batch * (long)dnx_size(n->out),
                         .alpha = dnx_gpu_number(n, "alpha", 1),
                         .beta = dnx_gpu_number(n, "beta", 1),
                         .at = overlap_of(n),
                         .of_x = dnx_gpu_deferred(l, 0),
                         .of_f = dnx_gpu_deferred(l, 1),
                         .act = (dnx_act)dnx_gpu_option(n, "activation", 0)};
    a.fours = a.at.is_all && dnx_gpu_has_fours(a.at.C, a.x, a.f, a.y);
    dnx_device_each(l->device, DNX_CUDA_sum, a.count / (a.fours ? 4 : 1), &a);
}

static void backward(dnx_gpu_layer *l, dnx_pass *p) {
    const dnx_node *n = l->node;
    for (int k = 0; k < 2; k++) {
        struct sum_back_args a = {.dy = p->dy,
                                  .x = p->x[0],
                                  .f = p->x[1],
                                  .to = p->dx[k],
                                  .count = (long)p->batch * (long)dnx_size(n->in[k]),
                                  .alpha = dnx_gpu_number(n, "alpha", 1),
                                  .beta = dnx_gpu_number(n, "beta", 1),
                                  .at = overlap_of(n),
                                  .act = (dnx_act)dnx_gpu_option(n, "activation", 0),
                                  .is_f = k == 1,
                                  .adds = p->dx_adds[k]};
        a.fours = a.at.is_all && a.act == DNX_LINEAR && dnx_gpu_has_fours(a.at.C, a.dy, a.to, NULL);
        if (!a.to) continue;
        dnx_device_each(l->device, DNX_CUDA_sum_back, a.count / (a.fours ? 4 : 1), &a);
    }
}

const dnx_gpu_type dnx_gpu_shortcut = {
    .loads = loads,
    .forward = forward,
    .backward = backward,
};
