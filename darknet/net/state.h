/* state.h - NAME.state: all that a run needs to go on bit for bit, parameters and momentum too, so
 * that a kill between two files cannot part them; the .weights beside it is only an export. A
 * layer's private state (the pass counter of [dropout]) is not in it, nor is the number of threads:
 * another number may change the last bits. */
#ifndef DNX_STATE_H
#define DNX_STATE_H
#include "net/net.h"

typedef struct {
    uint64_t seed;
    uint64_t images, list; /* dnx_data's n and checksum */
    uint64_t batch;        /* images per update */
} dnx_run;

/* Replaces the file whole or not at all. DNX_EIO, DNX_EMEM. */
dnx_status dnx_state_save(const dnx_run *run, dnx_net *net, const char *path, dnx_err *err);
/* Loads parameters, momentum and net->seen, all or nothing, and prepares the network. DNX_EWEIGHTS:
 * no state file, cut short, damaged, of another network, list, batch or seed. DNX_EIO. */
dnx_status dnx_state_load(const dnx_run *run, dnx_net *net, const char *path, dnx_err *err);
#endif
