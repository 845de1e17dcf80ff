/* bridge.h - copies parameters from a source, which is a file or a network, to a network that
 * differs: another head, fewer layers, another width.
 *
 * A weights file is only a row of floats, without names and shapes. So the floats go to the layers
 * in order, from the first layer on. The backbone is all layers up to the embedding
 * (dnx_net_embedding()); the layers after the embedding are the head. */
#ifndef DNX_BRIDGE_H
#define DNX_BRIDGE_H
#include "net/net.h"

typedef enum { DNX_TAKEN, DNX_PART_TAKEN, DNX_INITIAL, DNX_LEFT } dnx_fate;

typedef struct {
    dnx_fate fate;
    /* Index of the layer in the network. For DNX_LEFT: its index in the source, or -1 when the row
     * is about the source's head. */
    int layer;
    int shift; /* for DNX_TAKEN: index of the layer in the source, minus `layer` */
    size_t floats;
    char section[32], name[64], shape[32]; /* shape: of the largest parameter */
    char why[112];
} dnx_bridge_row;

typedef struct {
    int n;
    dnx_bridge_row *rows;
    size_t taken, of; /* floats copied to the network; floats of the network */
    size_t left;      /* floats of the source's layers that are left out */
} dnx_bridge;

typedef enum {
    /* For inspecting a network, or running it up to the embedding: the file's head may differ. */
    DNX_FIT_FEATURES,
    /* For training: the file has the whole network, or exactly its backbone. */
    DNX_FIT_START,
    /* For training a new head, which keeps its initial values; net->seen becomes 0. The file may
     * end after any layer. */
    DNX_FIT_BACKBONE
} dnx_fit;

/* Loads the weights file `path` into net and fills the table b, which dnx_bridge_free() frees.
 * Returns the errors of dnx_weights_load(). After DNX_EWEIGHTS net is unchanged. */
dnx_status dnx_bridge_file(dnx_net *net, const char *path, dnx_fit fit, dnx_bridge *b,
                           dnx_err *err);

typedef struct {
    bool new_heads; /* losses keep their initial parameters */
    bool widths;    /* where widths differ, the first filters and channels are copied */
} dnx_bridge_how;

/* Copies the parameters of `from` to `to`, prepares `to` and fills the table b. Layers with the
 * same name= are paired. After each of these pairs, and at the start, the next layers are paired in
 * order, until two do not fit. Errors: DNX_EMEM; DNX_EWEIGHTS when no layer fits. */
dnx_status dnx_bridge_net(dnx_net *from, dnx_net *to, dnx_bridge_how how, dnx_bridge *b,
                          dnx_err *err);

/* Calls line() for each line of the table, and then for a line with its sums. text has no
 * newline. */
void dnx_bridge_table(const dnx_bridge *b, void (*line)(void *arg, const char *text), void *arg);
/* Writes a line about the first row that is not DNX_TAKEN to `text`, or "" when all are. */
void dnx_bridge_remark(const dnx_bridge *b, char *text, size_t size);
void dnx_bridge_free(dnx_bridge *b);
#endif
