/* bridge.h - moves parameters between networks that are not quite the same: another head, fewer
 * layers, another width. What was taken, what was left and what keeps its initial numbers is told
 * layer by layer.
 *
 * A weights file has neither names nor shapes. It fits a network from the front: "the backbone" is
 * all layers up to the embedding (dnx_net_embedding), what comes behind is the head. Where the
 * source's cfg is known, layers are matched by their names and, between those, in their order. */
#ifndef DNX_BRIDGE_H
#define DNX_BRIDGE_H
#include "net/net.h"

typedef enum { DNX_TAKEN, DNX_PART_TAKEN, DNX_INITIAL, DNX_LEFT } dnx_fate;

typedef struct {
    dnx_fate fate;
    int layer;   /* of the network, of a LEFT one in the source; -1: floats behind the backbone */
    size_t floats;
    char section[32], name[64], shape[32]; /* shape: filters x floats of one */
    char why[112];
} dnx_bridge_row;

typedef struct {
    int n;
    dnx_bridge_row *rows;
    size_t taken, of; /* floats that the network took, and has */
    size_t left;      /* of the source, that it did not take */
    bool is_whole;    /* all was taken and nothing left */
} dnx_bridge;

typedef enum {
    DNX_FIT_FEATURES, /* to look at or to run up to the embedding: the head may be another, or be
                       * absent from the file or the network */
    DNX_FIT_START,    /* to train: the whole network, or exactly its backbone */
    DNX_FIT_BACKBONE  /* to train: the head always starts anew, with net->seen = 0; a file that
                       * ends behind an earlier layer gives the layers up to there */
} dnx_fit;

/* Loads a weights file into net. The errors of dnx_weights_load; DNX_EWEIGHTS also says which
 * option would take the file. After an error net is unchanged. b gets the table; free it. */
dnx_status dnx_bridge_file(dnx_net *net, const char *path, dnx_fit fit, dnx_bridge *b,
                           dnx_err *err);

typedef struct {
    bool new_heads; /* losses keep their initial parameters */
    bool widths;    /* of a layer of another width the first filters and channels are taken */
} dnx_bridge_how;

/* Copies from one network, with its weights loaded, to another. A layer with name= takes from the
 * layer of that name; others in their order, from the last named one on, up to the first that is of
 * another section or shape. DNX_EMEM; DNX_EWEIGHTS: nothing fits. */
dnx_status dnx_bridge_net(dnx_net *from, dnx_net *to, dnx_bridge_how how, dnx_bridge *b,
                          dnx_err *err);

/* The table, line by line without newlines, and its sum in one line. */
void dnx_bridge_table(const dnx_bridge *b, void (*line)(void *arg, const char *text), void *arg);
/* One line that says what was not taken; "" when all was. */
void dnx_bridge_remark(const dnx_bridge *b, char *text, size_t size);
void dnx_bridge_free(dnx_bridge *b); /* not the struct */
#endif
