/* check_json.h - the output of `check -json`, for scripts. */
#ifndef DNX_CMD_CHECK_JSON_H
#define DNX_CMD_CHECK_JSON_H
#include "net/net.h"

typedef struct {
    double training; /* bytes that training needs, or -1 */
    int batch;       /* images in a sub-batch */
    const char *why; /* the reason when the network cannot be trained; else NULL */
} dnx_check_training;

/* Prints one JSON object to stdout: the network's options, its layers with shapes, options and
 * parameters in the order of the weights file, totals, memory and notes. weights: the file that
 * was loaded, for the fingerprint of the features (net/fingerprint.h), or NULL. */
void dnx_check_json(dnx_net *net, const char *weights, const dnx_check_training *t);
#endif
