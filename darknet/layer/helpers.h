/* helpers.h - helpers for layer files, included by dnx.h. */
#ifndef DNX_HELPERS_H
#define DNX_HELPERS_H

/* Returns the number of floats of a tensor for one image. */
static inline size_t dnx_size(dnx_shape s) { return (size_t)s.h * (size_t)s.w * (size_t)s.c; }

/* Returns the multiply-adds of a layer for one image, as the type's macs() counts them. For a type
 * without macs(), returns the number of floats in parameters of the roles DNX_WEIGHTS and
 * DNX_BASIS, times the number of output pixels. */
double dnx_macs(const dnx_node *n);

/* Returns the output pixels of all images of a pass. */
static inline long dnx_pixels(const dnx_node *n, const dnx_pass *p) {
    return (long)p->batch * n->out.h * n->out.w;
}

/* Sets *p to count zeroed floats, which are freed with the layer or by dnx_free(). Error:
 * DNX_EMEM. */
dnx_status dnx_new(dnx_node *n, float **p, size_t count, dnx_err *err);
/* Like dnx_new(), for `count` items of `size` bytes of any type. Returns the array, or NULL when
 * memory runs out. */
void *dnx_new_array(dnx_node *n, size_t count, size_t size, dnx_err *err);

/* Called in make(): declares the next parameter of the weights file. Allocates *value and, when the
 * layer trains, *grad. grad is NULL for a parameter that is not trained. The caller sets the
 * members of p from name to is_one_bit. A parameter of role DNX_SLOPES is always last in the file,
 * even when other parameters are declared after it. Error: DNX_EMEM. */
dnx_status dnx_new_param(dnx_node *n, float **value, float **grad, dnx_param p, dnx_err *err);
/* With n->keeps_no_weights, frees the parameter *value and sets it to NULL. Call it at the end of
 * prepare(). */
void dnx_release_param(dnx_node *n, float **value);
/* Allocates the values of all released parameters again, as zeros. Error: DNX_EMEM. */
dnx_status dnx_restore_params(dnx_node *n, dnx_err *err);
/* Sets p->dx[k] to 0 unless it is NULL or dx_adds[k] is true: backward() can then add to it. */
void dnx_clear_dx(const dnx_node *n, dnx_pass *p, int k);
/* Divides `rows` rows, such as images or pixels, among the threads. Calls fn(n, p, lo, hi) in
 * parallel for ranges lo <= row < hi. fn must write only the results of these rows. */
void dnx_each_row(dnx_node *n, dnx_pass *p, long rows,
                  void (*fn)(dnx_node *n, dnx_pass *p, long lo, long hi));
#endif
