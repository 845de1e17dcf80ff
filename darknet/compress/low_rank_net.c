/* low_rank_net.c - writes the cfg and the parameters of a compressed network. */
#include "compress/low_rank_net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/norm_act.h"
#include "net/opts.h"
#include "registry.h"

/* ---- the cfg ---- */

static const dnx_layer_type *low_rank_type(void) {
    const dnx_layer_type *const *t = dnx_layer_types;
    while (!(*t)->compression || !(*t)->compression->is_low_rank) t++;
    return *t;
}

/* Returns true when both types have the option, with the same default and bounds. */
static bool is_shared(const dnx_layer_type *from, const dnx_layer_type *to, const char *key) {
    const dnx_opt *a = dnx_opt_find(from->options, key), *b = dnx_opt_find(to->options, key);
    return a && b && a->type == b->type && a->value == b->value && a->min == b->min &&
           a->max == b->max && (!a->words || !strcmp(a->words, b->words));
}

/* Returns true for a line that sets an option of `from` that `to` does not share. */
static bool is_dropped(const char *line, size_t n, const dnx_layer_type *from,
                       const dnx_layer_type *to) {
    while (n && strchr(" \t", *line)) line++, n--;
    for (const dnx_opt *o = from->options; o && o->key; o++) {
        size_t len = strlen(o->key);
        if (n > len && !memcmp(line, o->key, len) && strchr(" \t=", line[len]))
            return !is_shared(from, to, o->key);
    }
    return false;
}

/* Writes the convolution of a layer as options of `to`. Leaves out options that both types share,
 * because dnx_low_rank_cfg() copies their lines. */
static void put_convolution(FILE *f, const dnx_low_rank_source *of, int layer,
                            const dnx_layer_type *to, const char *eol) {
    const dnx_node *n = &of->net->nodes[layer];
    dnx_convolution view;
    dnx_as_convolution(n, &view);
    const struct {
        const char *key;
        int value;
    } numbers[] = {{"filters", n->out.c},
                   {"size", view.size},
                   {"stride", view.stride},
                   {"padding", view.pad},
                   {"batch_normalize", view.has_norm}};
    for (const dnx_opt *o = to->options; o->key; o++) {
        if (is_shared(n->type, to, o->key)) continue;
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            if (!strcmp(o->key, numbers[i].key))
                fprintf(f, "%s=%d%s", o->key, numbers[i].value, eol);
        if (o->type != DNX_WORD) continue;
        int length;
        const char *word = dnx_option_word(o->words, view.activation, &length);
        fprintf(f, "%s=%.*s%s", o->key, length, word, eol);
    }
    if (!is_shared(n->type, to, "filters") &&
        !dnx_opts_given(&of->cfg->sections[layer + 1], "fixed_width"))
        fprintf(f, "fixed_width=1%s", eol);
}

dnx_status dnx_low_rank_cfg(const dnx_low_rank_source *of, const int *ranks, const char *note,
                            char **out, dnx_err *err) {
    const dnx_cfg *cfg = of->cfg;
    size_t size = 0;
    const dnx_layer_type *to = low_rank_type();
    FILE *f = open_memstream(out, &size);
    int line = 0; /* number of the current line */
    int at = -1;  /* index of this line's section in cfg->sections; layer i has the index i + 1 */
    bool ok = f && fprintf(f, "%s", note) >= 0;
    for (size_t i = 0, n; ok && i < of->length; i += n) {
        const char *start = of->text + i, *end = memchr(start, '\n', of->length - i);
        n = end ? (size_t)(end - start) + 1 : of->length - i;
        line++;
        const bool begins = at + 1 < cfg->n && cfg->sections[at + 1].line == line;
        at += begins;
        const dnx_node *node = at > 0 && ranks[at - 1] ? &of->net->nodes[at - 1] : NULL;
        if (node && begins) {
            const char *eol = n > 1 && start[n - 2] == '\r' ? "\r\n" : "\n";
            ok = fprintf(f, "[%s]%srank=%d%s", to->name, eol, ranks[at - 1], eol) > 0;
            put_convolution(f, of, at - 1, to, eol);
        } else if (!node || !is_dropped(start, n, node->type, to)) ok = fwrite(start, 1, n, f) == n;
    }
    if (f && (ferror(f) | fclose(f))) ok = false;
    return ok ? DNX_OK : dnx_no_memory(cfg->file, err);
}

/* ---- the weights ---- */

void dnx_low_rank_copy(dnx_net *from, dnx_net *to) {
    for (int i = 0; i < from->n; i++)
        if (from->nodes[i].type == to->nodes[i].type) dnx_net_copy_params(from, i, to, i);
    to->seen = from->seen;
}

dnx_status dnx_low_rank_set(dnx_net *net, const dnx_responses *r, const dnx_factors *f,
                            const double *variance, dnx_err *err) {
    dnx_param list[DNX_MAX_PARAMS];
    dnx_node *node = &net->nodes[r->layer];
    int n = dnx_net_params(net, r->layer, list);
    float *p = dnx_param_find(list, n, DNX_WEIGHTS), *v = dnx_param_find(list, n, DNX_BASIS),
          *b = dnx_param_find(list, n, DNX_BIASES);
    float *scales = dnx_param_find(list, n, DNX_SCALES), *mean = dnx_param_find(list, n, DNX_MEAN);
    float *var = dnx_param_find(list, n, DNX_VARIANCE),
          *slopes = dnx_param_find(list, n, DNX_SLOPES);
    size_t N = (size_t)r->N, K = (size_t)r->K, R = (size_t)f->rank;
    double *row = calloc(K > N ? K : N, sizeof *row);
    if (!row) return dnx_fail(err, DNX_EMEM, node->loc, "[%s] no memory", node->type->name);
    for (size_t a = 0; a < R; a++) { /* the basis Q W */
        memset(row, 0, sizeof *row * K);
        for (size_t i = 0; i < N; i++)
            for (size_t k = 0; k < K; k++) row[k] += f->q[a * N + i] * r->w[i * K + k];
        for (size_t k = 0; k < K; k++) v[a * K + k] = (float)row[k];
    }
    for (size_t i = 0; i < N * R; i++) p[i] = (float)f->p[i];
    memcpy(row, f->c, sizeof *row * N);
    for (size_t a = 0; a < R; a++) {
        double t = 0;
        for (size_t i = 0; i < N; i++) t += f->q[a * N + i] * r->b[i];
        for (size_t i = 0; i < N; i++) row[i] += f->p[i * R + a] * t;
    }
    for (size_t i = 0; i < N; i++) {
        if (!scales) {
            b[i] = (float)row[i];
            continue;
        }
        mean[i] = (float)(f->mean[i] - row[i]);
        b[i] = (float)(row[i] + (double)mean[i]);
        var[i] = (float)variance[i];
        scales[i] = (float)sqrt((double)var[i] + DNX_NORM_EPS);
    }
    if (slopes) memcpy(slopes, r->slopes, sizeof(float) * N);
    free(row);
    return node->type->prepare ? node->type->prepare(node, err) : DNX_OK;
}
