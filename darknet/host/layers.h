/* layers.h - functions for the sections that libdarknet computes.
 *
 * The layers of this folder fill in a `layer` of libdarknet and call libdarknet's forward and
 * backward functions with it. They do not use its make_*_layer functions, which print, draw from
 * rand() and check no allocation. Inputs and outputs are reordered, because libdarknet works in
 * B x C x H x W. */
#ifndef DNX_HOST_LAYERS_H
#define DNX_HOST_LAYERS_H
#include "dnx.h"

#ifdef DNX_HOST_STRUCTS /* for files that have included darknet.h */

/* Names of activations, in the order of libdarknet's ACTIVATION. */
#define DNX_HOST_ACTIVATIONS                                                                       \
    "logistic|relu|relie|linear|ramp|tanh|plse|leaky|elu|loggy|stair|hardtan|lhtan|selu"

enum { DNX_HOST_PARTS = 8 };

typedef struct {
    layer l;
    void (*forward)(layer, network);
    void (*backward)(layer, network);
    layer part[DNX_HOST_PARTS];   /* layers inside a recurrent layer */
    float *block[DNX_HOST_PARTS]; /* all parameters of a part */
    int parts;
    float *x, *dx; /* the input and its gradient, B x C x H x W; dx only when training */
} dnx_host_state;

/* Allocates the tensors of dnx_host_state for inputs of shape n->in[0] and outputs of shape n->out.
 * n owns them. Errors: DNX_ESHAPE when a batch has more than INT_MAX floats, as many as libdarknet
 * can count; DNX_EMEM. */
dnx_status dnx_host_make(dnx_node *n, dnx_err *err);
/* Calls libdarknet's forward function: x[0] to y, both NHWC. */
void dnx_host_forward(dnx_node *n, dnx_pass *p);
/* Like dnx_host_forward(), but libdarknet computes as when predicting, even while training. */
void dnx_host_predict(dnx_node *n, dnx_pass *p);
/* Calls libdarknet's backward function with dy. Stores or adds to dx[0]. */
void dnx_host_backward(dnx_node *n, dnx_pass *p);
#endif

/* All types of this folder; the last element is NULL. */
extern const dnx_layer_type *const dnx_host_types[];
extern const dnx_layer_type dnx_local, dnx_crop, dnx_reorg, dnx_normalization, dnx_rnn, dnx_gru,
    dnx_lstm, dnx_logistic, dnx_yolo, dnx_region, dnx_detection;
#endif
