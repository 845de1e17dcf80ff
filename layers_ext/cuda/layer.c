/* layer.c - memory, parameters and options for the GPU versions of layers. */
#include "cuda/layer.h"

#include <assert.h>
#include <string.h>

dnx_status dnx_gpu_new_bytes(dnx_gpu_layer *l, void *to, size_t bytes, dnx_err *err) {
    void *memory;
    assert(l->n_memory < DNX_GPU_MEMORY);
    dnx_status st = dnx_device_new(l->device, &memory, bytes, err);
    memcpy(to, &memory, sizeof memory);
    if (!st) l->memory[l->n_memory++] = memory;
    return st;
}

dnx_status dnx_gpu_new(dnx_gpu_layer *l, float **p, size_t floats, dnx_err *err) {
    return dnx_gpu_new_bytes(l, p, floats * sizeof(float), err);
}

static int find(const dnx_gpu_layer *l, dnx_role role) {
    for (int k = 0; k < l->node->n_params; k++)
        if (l->node->params[k].role == role) return k;
    return -1;
}

float *dnx_gpu_value(const dnx_gpu_layer *l, dnx_role role) {
    int k = find(l, role);
    return k < 0 ? NULL : l->value[k];
}

float *dnx_gpu_grad(const dnx_gpu_layer *l, dnx_role role) {
    int k = find(l, role);
    return k < 0 ? NULL : l->grad[k];
}

static const void *field(const dnx_node *n, const char *key) {
    for (const dnx_opt *o = n->type->options; o && o->key; o++)
        if (!strcmp(o->key, key)) return (const char *)n->opts + o->offset;
    return NULL;
}

int dnx_gpu_option(const dnx_node *n, const char *key, int none) {
    const int *v = field(n, key);
    return v ? *v : none;
}

float dnx_gpu_number(const dnx_node *n, const char *key, float none) {
    const float *v = field(n, key);
    return v ? *v : none;
}
