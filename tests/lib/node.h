/* node.h - makes a single layer, without a network, for tests. */
#ifndef NODE_H
#define NODE_H
#include "lib/check.h"
#include "kernels/pool.h"
#include "net/opts.h"
#include "registry.h"

static inline const dnx_layer_type *find_type(const char *name) {
    for (int i = 0; dnx_layer_types[i]; i++)
        if (!strcmp(dnx_layer_types[i]->name, name)) return dnx_layer_types[i];
    return NULL;
}

/* Sets type, options and state of a node. options: lines OPTION=VALUE. The caller sets n->loc
 * before, and calls shut_node() later, even after an error. */
static inline dnx_status parse_node(dnx_node *n, const char *type, const char *options,
                                    dnx_err *err) {
    char text[700];
    dnx_cfg *cfg;
    n->type = find_type(type);
    if (!n->type) return dnx_fail(err, DNX_EOPTION, n->loc, "no type %s", type);
    n->opts = calloc(1, dnx_opts_size(n->type->options));
    n->state = calloc(1, n->type->state_size + 1);
    int len = snprintf(text, sizeof text, "[%s]\n%s\n", type, options);
    dnx_status st = dnx_cfg_parse(text, (size_t)len, n->loc.file, &cfg, err);
    if (st) return st;
    st = dnx_opts_parse(&n->type->options, &n->opts, 1, cfg->sections, n->loc.file, NULL, err);
    dnx_cfg_free(cfg);
    return st;
}

/* Calls make() and prepare() of the node's layer type, as dnx_net_build() does. */
static inline dnx_status make_node(dnx_node *n, dnx_err *err) {
    dnx_status st = n->type->make(n, err);
    return st || !n->type->prepare ? st : n->type->prepare(n, err);
}

/* Calls parse_node() and make_node(). Before, the caller sets the members of *n that make() reads,
 * such as the shape of the input; later it calls shut_node(), even after an error. */
static inline dnx_status open_node(dnx_node *n, const char *type, const char *options,
                                   dnx_err *err) {
    dnx_status st = parse_node(n, type, options, err);
    return st ? st : make_node(n, err);
}

static inline void shut_node(dnx_node *n) {
    if (!n->type) return;
    dnx_free_owned(n->memory);
    dnx_opts_free(n->type->options, n->opts);
    free(n->opts);
    free(n->state);
}

static inline int node_params(dnx_node *n, dnx_param *list) {
    memcpy(list, n->params, sizeof *list * (size_t)n->n_params);
    return n->n_params;
}

static inline void fill(float *p, size_t n, float v) {
    for (size_t i = 0; i < n; i++) p[i] = v;
}

static inline float *writable(const float *p) { return (float *)(uintptr_t)p; }
#endif
