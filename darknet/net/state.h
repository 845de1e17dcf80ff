/* state.h - NAME.state holds all that a run needs to continue bit for bit. Parameters and momentum
 * are in this one file, so that a kill cannot separate them; the .weights file beside it is only an
 * export. It also holds the text of the run's inputs, which -resume compares. */
#ifndef DNX_STATE_H
#define DNX_STATE_H
#include "net/net.h"

typedef struct {
    uint64_t seen;  /* images trained on */
    char *inputs;   /* the text that was saved */
    uint64_t net;   /* checksum of the parameters' names and sizes */
    float *numbers; /* parameters in file order, momentum, then the average, if there is one */
    size_t params, momentum, average; /* average: params, or 0 */
} dnx_state;

/* Replaces the file whole or not at all. DNX_EIO, DNX_EMEM. */
dnx_status dnx_state_save(const char *inputs, dnx_net *net, const char *path, dnx_err *err);
/* Reads the file. Free s also after an error. DNX_EWEIGHTS: not a state file, of another version,
 * truncated or damaged; DNX_EIO, DNX_EMEM. */
dnx_status dnx_state_read(const char *path, dnx_state *s, dnx_err *err);
/* Copies parameters, momentum, with ema= their average, and net->seen into the network and prepares
 * it. DNX_EWEIGHTS: the state is of another network, or has no average where ema= needs one; net is
 * unchanged; the message names path. DNX_EMEM. */
dnx_status dnx_state_apply(const dnx_state *s, dnx_net *net, const char *path, dnx_err *err);
void dnx_state_free(dnx_state *s);
#endif
