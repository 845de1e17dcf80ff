/* state.h - files NAME.state, from which a run continues bit for bit. Parameters and momentum are
 * in one file, so a killed process cannot leave files of different updates. */
#ifndef DNX_STATE_H
#define DNX_STATE_H
#include "net/net.h"

typedef struct {
    uint64_t seen;        /* number of images trained on */
    char *inputs;         /* the text `inputs` of dnx_state_save() */
    uint64_t net;         /* checksum of layer types, parameter names and sizes */
    void *file;           /* the bytes of the file */
    const float *numbers; /* in `file`: parameters in file order; momentum; with ema= the average */
    size_t params, momentum, average; /* number of floats of each; average may be 0 */
} dnx_state;

/* Writes the state of net, and the text `inputs`, which lists what the run depends on
 * (train/inputs.c). After an error the old file is unchanged. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_state_save(const char *inputs, dnx_net *net, const char *path, dnx_err *err);
/* Reads the file `path`. Call dnx_state_free() also after an error. Errors: DNX_EWEIGHTS when the
 * file is damaged, is not a state file, or has another version; DNX_EIO, DNX_EMEM. */
dnx_status dnx_state_read(const char *path, dnx_state *s, dnx_err *err);
/* Copies the state into the network, and prepares it. Errors: DNX_EMEM; DNX_EWEIGHTS, with net
 * unchanged, when the state belongs to another network, or lacks the average that ema= needs. */
dnx_status dnx_state_apply(const dnx_state *s, dnx_net *net, const char *path, dnx_err *err);
void dnx_state_free(dnx_state *s);
#endif
