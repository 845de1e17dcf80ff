/* helpers.h - helpers for layer files: sizes, memory, rows shared among threads. Only dnx.h
 * includes it. */
#ifndef DNX_HELPERS_H
#define DNX_HELPERS_H

static inline size_t dnx_size(dnx_shape s) { return (size_t)s.h * (size_t)s.w * (size_t)s.c; }

/* The multiply-adds of a layer for one image. */
static inline double dnx_macs(const dnx_node *n) { return n->type->macs ? n->type->macs(n) : 0; }

/* The number of output pixels in a pass. */
static inline long dnx_pixels(const dnx_node *n, const dnx_pass *p) {
    return (long)p->batch * n->out.h * n->out.w;
}

/* Allocates count zeroed floats into *p, or fails with DNX_EMEM at the node's line. They are
 * freed with the layer; dnx_free() frees them earlier. */
dnx_status dnx_new(dnx_node *n, float **p, size_t count, dnx_err *err);
/* Like dnx_new(), for `count` items of `size` bytes of any type. NULL when memory runs out. */
void *dnx_new_array(dnx_node *n, size_t count, size_t size, dnx_err *err);

/* In make(): declares the next parameter of the weights file, and allocates its values into *value
 * and, when the network trains, its gradient into *grad. p has the members up to is_one_bit. A
 * parameter that is not trained has grad = NULL. Slopes are always last in the file: a
 * parameter declared after them is stored before them. DNX_EMEM. */
dnx_status dnx_new_param(dnx_node *n, float **value, float **grad, dnx_param p, dnx_err *err);
/* At the end of prepare(): if the node keeps no weights, frees *value and sets it to NULL. */
void dnx_release_param(dnx_node *n, float **value);
/* Allocates all values that have been released. DNX_EMEM. */
dnx_status dnx_restore_params(dnx_node *n, dnx_err *err);
/* Sets dx of input k to 0 where backward() must store it. Then backward() may add. */
void dnx_clear_dx(const dnx_node *n, dnx_pass *p, int k);
/* Divides `rows` rows among the threads. Calls fn(n, p, lo, hi) in parallel for ranges
 * lo <= row < hi that together cover all rows, and returns when all are done. The layer decides
 * what a row is, such as an image or a pixel. fn writes only the results of its rows. */
void dnx_each_row(dnx_node *n, dnx_pass *p, long rows,
                  void (*fn)(dnx_node *n, dnx_pass *p, long lo, long hi));
#endif
