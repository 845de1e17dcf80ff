/* classes.c - finds the number of classes for classes=auto from the length of a weights file. A
 * network with k classes has a + b k floats; networks with 1 and 2 classes give a and b. */
#include "net/classes.h"

#include <limits.h>

#include "net/weights.h"

/* Returns the number of floats of the network with this number of classes, or 0 on failure. */
static size_t floats_with(const char *path, int classes, const dnx_build *how) {
    dnx_cfg *cfg;
    dnx_net *net = NULL;
    dnx_build counts = *how;
    counts.trains = false;
    counts.is_blank = true;
    counts.batch = 1;
    counts.placement = NULL;
    if (dnx_cfg_read(path, &cfg, NULL)) return 0;
    dnx_status st = dnx_cfg_set_classes(cfg, classes, NULL);
    if (!st) st = dnx_net_build(cfg, &counts, &net, NULL);
    const size_t floats = st || net->is_partial ? 0 : dnx_weights_floats(net, net->n);
    dnx_net_free(net);
    dnx_cfg_free(cfg);
    return floats;
}

/* Returns the number of classes with which the network has the weights file's length, or 0. */
static int classes_in(const char *cfg, const char *weights, const dnx_build *how) {
    size_t there;
    const size_t one = floats_with(cfg, 1, how);
    if (!one || dnx_weights_held(weights, &there, NULL) || there < one) return 0;
    const size_t two = floats_with(cfg, 2, how);
    if (two <= one || (there - one) % (two - one)) return 0;
    const size_t more = (there - one) / (two - one);
    return more < INT_MAX ? (int)more + 1 : 0;
}

dnx_status dnx_classes_resolve(dnx_cfg *cfg, const char *path, const char *weights, int otherwise,
                               const dnx_build *how, dnx_err *err) {
    const int there = weights && dnx_cfg_asks_classes(cfg) ? classes_in(path, weights, how) : 0;
    return dnx_cfg_set_classes(cfg, there ? there : otherwise, err);
}

dnx_status dnx_cfg_open(const char *path, const char *weights, int otherwise, const dnx_build *how,
                        dnx_cfg **out, dnx_err *err) {
    dnx_status st = dnx_cfg_read(path, out, err);
    if (st) return st;
    st = dnx_classes_resolve(*out, path, weights, otherwise, how, err);
    if (st) {
        dnx_cfg_free(*out);
        *out = NULL;
    }
    return st;
}
