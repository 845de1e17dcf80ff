/* bridge.h - copies parameters between networks that differ: another head, fewer layers, another
 * width. A table lists for each layer with parameters whether they were taken, taken in part, left
 * out, or initial.
 *
 * A weights file has neither names nor shapes, so it is read from the first layer on. The backbone
 * is all layers up to the embedding (dnx_net_embedding()); the layers after it are the head. If the
 * source's cfg is known, dnx_bridge_net() matches layers by name, and the layers after a match in
 * order. */
#ifndef DNX_BRIDGE_H
#define DNX_BRIDGE_H
#include "net/net.h"

typedef enum { DNX_TAKEN, DNX_PART_TAKEN, DNX_INITIAL, DNX_LEFT } dnx_fate;

typedef struct {
    dnx_fate fate;
    int layer; /* layer of the network; for DNX_LEFT of the source; -1: the source's head */
    int shift; /* for DNX_TAKEN: the layer of the source, minus `layer` */
    size_t floats;
    char section[32], name[64], shape[32]; /* shape: of the largest parameter */
    char why[112];
} dnx_bridge_row;

typedef struct {
    int n;
    dnx_bridge_row *rows;
    size_t taken, of; /* floats copied to the network; floats of the network */
    size_t left;      /* floats of the source not copied, without layers taken in part */
    bool is_whole;    /* all floats of the network were copied, and left is 0 */
} dnx_bridge;

typedef enum {
    /* For inspecting a network, or running it up to the embedding: the file's head may differ. */
    DNX_FIT_FEATURES,
    /* For training: the file has the whole network, or exactly its backbone. */
    DNX_FIT_START,
    /* For training a new head, which keeps its initial values; net->seen becomes 0. A file that
     * ends after an earlier layer gives the layers up to that one. */
    DNX_FIT_BACKBONE
} dnx_fit;

/* Loads the weights file `path` into net and fills the table b, which dnx_bridge_free() frees.
 * After DNX_EWEIGHTS net is unchanged. Returns the errors of dnx_weights_load(). If the file has
 * another length than the network, the message of DNX_EWEIGHTS names an option that may accept the
 * file, except with DNX_FIT_FEATURES. */
dnx_status dnx_bridge_file(dnx_net *net, const char *path, dnx_fit fit, dnx_bridge *b,
                           dnx_err *err);

typedef struct {
    bool new_heads; /* losses keep their initial parameters */
    bool widths;    /* where widths differ, the first filters and channels are copied */
} dnx_bridge_how;

/* Copies the parameters of `from`, which are loaded, to `to`, prepares `to` and fills the table b.
 * A layer with name= gets the parameters of the source's layer with this name, if there is one. All
 * other layers are matched in order, from the start and after each such name, up to the first pair
 * with different sections or shapes. DNX_EMEM; DNX_EWEIGHTS when no layer fits. */
dnx_status dnx_bridge_net(dnx_net *from, dnx_net *to, dnx_bridge_how how, dnx_bridge *b,
                          dnx_err *err);

/* Calls line() for each line of the table, and for a last line with the sums; text has no newline.
 * Consecutive layers that were taken with the same shift share a line. */
void dnx_bridge_table(const dnx_bridge *b, void (*line)(void *arg, const char *text), void *arg);
/* Writes a line about the first row of the table that is not DNX_TAKEN, or "" when b->is_whole. */
void dnx_bridge_remark(const dnx_bridge *b, char *text, size_t size);
void dnx_bridge_free(dnx_bridge *b); /* does not free the struct itself */
#endif
