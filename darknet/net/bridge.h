/* bridge.h - moves parameters between networks that differ: another head, fewer layers, another
 * width. A table lists, layer by layer, which parameters were taken, which were left out, and which
 * keep their initial values.
 *
 * A weights file has neither names nor shapes, so it is read from the first layer on. The backbone
 * is all layers up to the embedding (dnx_net_embedding); the layers after it are the head. If the
 * cfg of the source is known, layers are matched by name, and those between two names by order. */
#ifndef DNX_BRIDGE_H
#define DNX_BRIDGE_H
#include "net/net.h"

typedef enum { DNX_TAKEN, DNX_PART_TAKEN, DNX_INITIAL, DNX_LEFT } dnx_fate;

typedef struct {
    dnx_fate fate;
    int layer; /* of the network, or for LEFT of the source; -1: after the backbone */
    int shift; /* TAKEN: the layer of the source, minus `layer` */
    size_t floats;
    char section[32], name[64], shape[32]; /* shape: filters x floats in one */
    char why[112];
} dnx_bridge_row;

typedef struct {
    int n;
    dnx_bridge_row *rows;
    size_t taken, of; /* floats that the network took; floats that it has */
    size_t left;      /* floats of the source that were not taken */
    bool is_whole;    /* all floats of the source and the network match */
} dnx_bridge;

typedef enum {
    DNX_FIT_FEATURES, /* to inspect, or to run up to the embedding: file and network may have
                       * different heads, or none */
    DNX_FIT_START,    /* to train: the whole network, or exactly its backbone */
    DNX_FIT_BACKBONE  /* to train: the head always keeps its initial values, and net->seen is 0. A
                       * file that ends after an earlier layer gives the layers up to there */
} dnx_fit;

/* Loads a weights file into net and fills the table b; free it with dnx_bridge_free(). After an
 * error net is unchanged. Returns the errors of dnx_weights_load(). The message of DNX_EWEIGHTS
 * also names the option with which the file would be accepted. */
dnx_status dnx_bridge_file(dnx_net *net, const char *path, dnx_fit fit, dnx_bridge *b,
                           dnx_err *err);

typedef struct {
    bool new_heads; /* losses keep their initial parameters */
    bool widths;    /* when widths differ, take the first filters and channels */
} dnx_bridge_how;

/* Copies parameters from one network, with weights loaded, to another. A layer with name= takes
 * those of the layer with that name. The layers after it are matched in order, up to the first pair
 * with a different section or shape. DNX_EMEM; DNX_EWEIGHTS when nothing fits. */
dnx_status dnx_bridge_net(dnx_net *from, dnx_net *to, dnx_bridge_how how, dnx_bridge *b,
                          dnx_err *err);

/* Calls line() for each line of the table and for the sum, without newlines. Layers taken in a row
 * are one line. */
void dnx_bridge_table(const dnx_bridge *b, void (*line)(void *arg, const char *text), void *arg);
/* One line about the parameters that were not taken, or "" when all were. */
void dnx_bridge_remark(const dnx_bridge *b, char *text, size_t size);
void dnx_bridge_free(dnx_bridge *b); /* does not free the struct itself */
#endif
