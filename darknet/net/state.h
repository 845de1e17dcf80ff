/* state.h - NAME.state: all that a run needs to go on bit for bit, parameters and momentum too, so
 * that a kill between two files cannot part them; the .weights beside it is only an export. It also
 * carries the text of the run's inputs, for whoever goes on to compare. */
#ifndef DNX_STATE_H
#define DNX_STATE_H
#include "net/net.h"

typedef struct {
    uint64_t seen;  /* images trained on */
    char *inputs;   /* the text that was saved */
    uint64_t net;   /* checksum of the parameters' names and sizes */
    float *numbers; /* parameters in file order, then momentum */
    size_t params, momentum;
} dnx_state;

/* Replaces the file whole or not at all. DNX_EIO, DNX_EMEM. */
dnx_status dnx_state_save(const char *inputs, dnx_net *net, const char *path, dnx_err *err);
/* Reads the file; free it in any case. DNX_EWEIGHTS: no state file, of another version, cut short
 * or damaged; DNX_EIO, DNX_EMEM. */
dnx_status dnx_state_read(const char *path, dnx_state *s, dnx_err *err);
/* Puts parameters, momentum and net->seen into the network and prepares it. DNX_EWEIGHTS, named
 * after path: it is of another network, and nothing was changed. */
dnx_status dnx_state_apply(const dnx_state *s, dnx_net *net, const char *path, dnx_err *err);
void dnx_state_free(dnx_state *s);
#endif
