/* layers.h - sections whose arithmetic is libdarknet's: what their files share.
 *
 * libdarknet's forward and backward functions are called with a `layer` filled in here, not by its
 * make_*_layer: those print, draw from rand() and check no allocation. Inputs and outputs are
 * reordered, as the host works in B x C x H x W. A type without backward only predicts: either the
 * host has no gradient on the CPU, or a wrong one, or its truth is no class. */
#ifndef DNX_HOST_LAYERS_H
#define DNX_HOST_LAYERS_H
#include "dnx.h"

#ifdef DNX_HOST_STRUCTS /* only in host_*.c, after darknet.h */

/* In the order of the host's ACTIVATION. */
#define DNX_HOST_ACTIVATIONS \
    "logistic|relu|relie|linear|ramp|tanh|plse|leaky|elu|loggy|stair|hardtan|lhtan|selu"

enum { DNX_HOST_PARTS = 8, DNX_HOST_OWNED = 32 };

typedef struct {
    layer l;
    void (*forward)(layer, network);
    void (*backward)(layer, network);
    layer part[DNX_HOST_PARTS]; /* layers inside a recurrent one */
    float *block[DNX_HOST_PARTS];
    size_t block_floats[DNX_HOST_PARTS];
    int parts;
    float *x, *dx;              /* B x C x H x W */
    float *owned[DNX_HOST_OWNED]; /* all memory of this layer */
    int n_owned;
} dnx_host_state;

/* Zeroed floats that live as long as the layer. */
dnx_status dnx_host_new(dnx_node *n, float **p, size_t count, dnx_err *err);
/* Fills in the shapes of l from n->in[0] and n->out, and allocates what every layer needs. After
 * n->out is set. DNX_ESHAPE: more than 2^31 - 1 floats, which the host cannot count. */
dnx_status dnx_host_make(dnx_node *n, dnx_err *err);
void dnx_host_unmake(dnx_node *n);
/* x through the host's forward; the output into p->y. */
void dnx_host_forward(dnx_node *n, dnx_pass *p);
/* p->dy through the host's backward; stores or adds p->dx[0]. */
void dnx_host_backward(dnx_node *n, dnx_pass *p);
#endif

/* All of them, ended by NULL. */
extern const dnx_layer_type *const dnx_host_types[];
extern const dnx_layer_type dnx_local, dnx_crop, dnx_reorg, dnx_normalization, dnx_rnn, dnx_gru,
    dnx_lstm, dnx_logistic, dnx_yolo, dnx_region, dnx_detection;
#endif
