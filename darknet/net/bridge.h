/* bridge.h - moves parameters between networks that differ: another head, fewer layers, another
 * width. A table lists, layer by layer, which parameters were taken, left, or keep their initial
 * values.
 *
 * A weights file has neither names nor shapes, so it is read from the first layer on. The backbone
 * is all layers up to the embedding (dnx_net_embedding); the layers after it are the head. If the
 * cfg of the source is known, layers are matched by name, and layers between names by order. */
#ifndef DNX_BRIDGE_H
#define DNX_BRIDGE_H
#include "net/net.h"

typedef enum { DNX_TAKEN, DNX_PART_TAKEN, DNX_INITIAL, DNX_LEFT } dnx_fate;

typedef struct {
    dnx_fate fate;
    int layer;   /* in the network; for LEFT in the source; -1: floats after the backbone */
    size_t floats;
    char section[32], name[64], shape[32]; /* shape: filters x floats of one */
    char why[112];
} dnx_bridge_row;

typedef struct {
    int n;
    dnx_bridge_row *rows;
    size_t taken, of; /* floats that the network took; floats that it has */
    size_t left;      /* floats of the source that were not taken */
    bool is_whole;    /* every float was taken and none left */
} dnx_bridge;

typedef enum {
    DNX_FIT_FEATURES, /* to inspect, or to run up to the embedding: the head may be another, or be
                       * absent from the file or the network */
    DNX_FIT_START,    /* to train: the whole network, or exactly its backbone */
    DNX_FIT_BACKBONE  /* to train: the head always starts anew, with net->seen = 0; a file that
                       * ends behind an earlier layer gives the layers up to there */
} dnx_fit;

/* Loads a weights file into net and fills the table b; free it with dnx_bridge_free(). After an
 * error net is unchanged. The errors of dnx_weights_load; the message of DNX_EWEIGHTS also names
 * the option that would accept the file. */
dnx_status dnx_bridge_file(dnx_net *net, const char *path, dnx_fit fit, dnx_bridge *b,
                           dnx_err *err);

typedef struct {
    bool new_heads; /* losses keep their initial parameters */
    bool widths;    /* if the widths differ, the first filters and channels are taken */
} dnx_bridge_how;

/* Copies parameters from one network, with weights loaded, to another. A layer with name= takes
 * from the layer of that name. After it, the next layers are matched in order, up to the first pair
 * of different section or shape. DNX_EMEM; DNX_EWEIGHTS: nothing fits. */
dnx_status dnx_bridge_net(dnx_net *from, dnx_net *to, dnx_bridge_how how, dnx_bridge *b,
                          dnx_err *err);

/* Calls line() for each line of the table and for the sum, without newlines. */
void dnx_bridge_table(const dnx_bridge *b, void (*line)(void *arg, const char *text), void *arg);
/* One line about the parameters that were not taken; "" if all were. */
void dnx_bridge_remark(const dnx_bridge *b, char *text, size_t size);
void dnx_bridge_free(dnx_bridge *b); /* not the struct */
#endif
