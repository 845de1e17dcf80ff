/* check_json.h - what `check -json` prints, for scripts. */
#ifndef DNX_CMD_CHECK_JSON_H
#define DNX_CMD_CHECK_JSON_H
#include "net/net.h"

typedef struct {
    double training;  /* bytes; -1: unknown */
    int batch;        /* images at a time of that */
    const char *why;  /* why it cannot be trained; NULL: it can */
} dnx_check_training;

/* Prints one JSON object to stdout: the network's options, its layers with shapes, options and
 * parameters in the order of the weights file, totals, memory and notes. weights: the file that
 * was loaded, for the fingerprint of the features (net/fingerprint.h), or NULL. */
void dnx_check_json(dnx_net *net, const char *weights, const dnx_check_training *t);
#endif
