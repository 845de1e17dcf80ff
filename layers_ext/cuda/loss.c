/* loss.c - what the GPU versions of losses share. */
#include "cuda/loss.h"

dnx_status dnx_gpu_new_losses(dnx_gpu_layer *l, dnx_err *err) {
    return dnx_gpu_new_bytes(l, &l->losses, sizeof *l->losses * (size_t)l->node->batch, err);
}

dnx_status dnx_gpu_new_labels(dnx_gpu_layer *l, dnx_gpu_labels *s, dnx_err *err) {
    const size_t B = (size_t)l->node->batch;
    dnx_status st = dnx_gpu_new_bytes(l, &s->device, sizeof *s->device * B, err);
    if (!st && !(s->host = dnx_new_array(l->node, B, sizeof *s->host, err))) st = DNX_EMEM;
    return st;
}

dnx_status dnx_gpu_new_labelled(dnx_gpu_layer *l, dnx_gpu_labels *s, dnx_err *err) {
    if (!l->node->trains) return DNX_OK;
    dnx_status st = dnx_gpu_new_labels(l, s, err);
    return st ? st : dnx_gpu_new_losses(l, err);
}

void dnx_gpu_put_labels(dnx_gpu_layer *l, const dnx_gpu_labels *s, int batch) {
    dnx_device_put(l->device, s->device, s->host, sizeof(int) * (size_t)batch);
}

void dnx_gpu_bring_classes(dnx_gpu_layer *l, const dnx_gpu_labels *s, const dnx_pass *p,
                           dnx_shape shape) {
    for (int b = 0; b < p->batch; b++) {
        const float y = p->truth ? p->truth[b] : -1;
        const bool is_class = y >= 0 && (double)y < (double)dnx_size(shape);
        s->host[b] = is_class ? (int)dnx_class_place(shape, (size_t)y) : y < 0 ? -1 : -2;
    }
    dnx_gpu_put_labels(l, s, p->batch);
}

void dnx_gpu_idle_forward(dnx_gpu_layer *l, dnx_pass *p) {
    const size_t B = (size_t)p->batch;
    dnx_device_clear(l->device, p->y, sizeof(float) * B * dnx_size(l->node->out));
    if (l->losses) dnx_device_clear(l->device, l->losses, sizeof(double) * B);
}

void dnx_gpu_idle_backward(dnx_gpu_layer *l, dnx_pass *p) {
    if (p->dx[0] && !p->dx_adds[0])
        dnx_device_clear(l->device, p->dx[0],
                         sizeof(float) * dnx_size(l->node->in[0]) * (size_t)p->batch);
}

bool dnx_gpu_bring_target(dnx_gpu_layer *l, const dnx_pass *p, float *target) {
    l->is_idle = !target || !p->target || !(dnx_gpu_number(l->node, "weight", 1) > 0);
    if (l->is_idle) return false;
    const size_t size = dnx_size(l->node->distillation->target);
    dnx_device_put(l->device, target, p->target, sizeof(float) * size * (size_t)p->batch);
    return true;
}

dnx_margin dnx_gpu_margin(const dnx_node *n, uint64_t update) {
    const int kind = dnx_gpu_option(n, "margin", 0);
    const float m = dnx_gpu_number(n, "m", 0), t = dnx_gpu_number(n, "t", 0);
    dnx_margin g = {.kind = kind,
                    .is_easy = dnx_gpu_option(n, "easy_margin", 0),
                    .is_ste = dnx_gpu_option(n, "gradient", 0),
                    .m = (double)(m < 0 ? dnx_margin_forms[kind].m : m),
                    .m1 = (double)dnx_gpu_number(n, "m1", 1),
                    .m2 = (double)dnx_gpu_number(n, "m2", 0),
                    .m3 = (double)dnx_gpu_number(n, "m3", 0),
                    .t = (double)(t < 0 ? dnx_margin_forms[kind].t : t),
                    .smoothing = (double)dnx_gpu_number(n, "label_smoothing", 0)};
    dnx_margin_rise(&g, n->trains, update, dnx_gpu_option(n, "warmup", 0),
                    (double)dnx_gpu_number(n, "s", 1), (double)dnx_gpu_number(n, "s_start", 0),
                    (double)dnx_gpu_number(n, "ramp_end", 1));
    return g;
}
