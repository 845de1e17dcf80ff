/* low_rank_report.c - the result of `compress low-rank` as text, JSON and CSV. */
#include "cmd/low_rank_report.h"

#include <math.h>
#include <stdio.h>

#include "base/outfile.h"
#include "cmd/cmd.h"

static void print_layers(const dnx_low_rank *c) {
    printf("%5s  %-22s %9s %7s %14s %14s %8s %8s %8s\n", "layer", "filters", "rank", "energy",
           "multiply-adds", "after", "speed-up", "error", "in net");
    for (int i = 0; i < c->n; i++) {
        const dnx_low_rank_layer *l = &c->layers[i];
        char filters[48], rank[24];
        if (!l->rank) continue;
        snprintf(filters, sizeof filters, "%d x %d x %d -> %d", l->r.at.size, l->r.at.size,
                 l->r.at.c, l->r.N);
        snprintf(rank, sizeof rank, "%d/%d", l->rank, l->r.N);
        printf("%5d  %-22s %9s %6.2f%% %14.0f %14.0f %8.2f", l->r.layer, filters, rank,
               100 * dnx_energy(l->sigma, l->r.N, l->rank), l->dense, l->per_rank * l->rank,
               l->dense / (l->per_rank * l->rank));
        if (c->measured) printf(" %7.3f%% %7.3f%%\n", 100 * l->alone, 100 * l->within);
        else printf(" %8s %8s\n", "-", "-");
    }
}

static void print_left(const dnx_low_rank *c) {
    dnx_convolution view;
    for (int i = 0; i <= c->last; i++) {
        const dnx_node *n = &c->net->nodes[i];
        const dnx_low_rank_layer *l = NULL;
        for (int k = 0; k < c->n; k++)
            if (c->layers[k].r.layer == i) l = &c->layers[k];
        if (l && !l->rank) {
            int cheaper = (int)ceil(l->dense / l->per_rank) - 1;
            printf("layer %d [%s] is left alone: ", i, n->type->name);
            if (cheaper > 0) printf("cheaper only under rank %d of %d\n", cheaper + 1, l->r.N);
            else printf("no rank of %d makes it cheaper\n", l->r.N);
        } else if (!l && dnx_as_convolution(n, &view))
            printf("layer %d [%s] is left alone: %s\n", i, n->type->name,
                   view.groups == n->in[0].c ? "its filters have one channel" : "has groups");
    }
}

static double after(const dnx_low_rank *c, int *replaced) {
    double macs = c->macs;
    *replaced = 0;
    for (int i = 0; i < c->n; i++) {
        const dnx_low_rank_layer *l = &c->layers[i];
        if (!l->rank) continue;
        ++*replaced;
        macs += l->per_rank * l->rank - l->dense;
    }
    return macs;
}

static void print_error(const dnx_low_rank *c) {
    if (c->measured)
        printf("output of layer %d on %zu %s held out from the fit: relative error %.3f%%, "
               "mean cosine %.5f\n",
               c->last, c->measured, dnx_plural(c->measured, "image", "images"), 100 * c->error,
               c->cosine);
    else if (c->held_out > 0)
        printf("output of layer %d: not measured: the fit needs all %zu %s; give it more\n",
               c->last, c->fitted, dnx_plural(c->fitted, "image", "images"));
    else
        printf("output of layer %d: not measured: no images are held out (-held-out 0)\n", c->last);
}

void dnx_low_rank_print(const dnx_low_rank *c) {
    int replaced, scarce = 0;
    double macs = after(c, &replaced);
    for (int i = 0; i < c->n; i++)
        if (c->layers[i].rank && c->layers[i].moments.n < 10.0 * c->layers[i].r.N) scarce++;
    print_layers(c);
    print_left(c);
    printf("%d of %d %s replaced; multiply-adds %.3f M -> %.3f M, theoretical speed-up "
           "%.2f\n",
           replaced, c->n, dnx_plural((size_t)c->n, "convolution", "convolutions"), c->macs * 1e-6,
           macs * 1e-6, c->macs / macs);
    print_error(c);
    if (c->measured && c->cosine < .5)
        printf("warning: the network is useless before further training: its features have a mean "
               "cosine of %.2f with the old ones.\nLower the speed-up, or give more images.\n",
               c->cosine);
    for (int i = 0; i < c->n && c->method != DNX_LINEAR_SOLUTION; i++)
        if (c->layers[i].rank && !dnx_low_rank_knows(c->layers[i].r.act))
            printf("layer %d: took the linear solution; the other is for linear, relu, leaky and "
                   "prelu\n",
                   c->layers[i].r.layer);
    if (scarce)
        printf("%d %s had under ten samples a response: more images make a better fit\n", scarce,
               dnx_plural((size_t)scarce, "layer", "layers"));
}

static void put_measured(const dnx_low_rank *c, const char *key, double v) {
    if (c->measured) printf(", \"%s\": %.9g", key, v);
    else printf(", \"%s\": null", key);
}

void dnx_low_rank_json(const dnx_low_rank *c, const dnx_images *list, const size_t *pick,
                       size_t skipped) {
    int replaced, shown = 0;
    double macs = after(c, &replaced);
    printf("{\"convolutions\": %d, \"replaced\": %d, \"multiply_adds\": %.0f, "
           "\"multiply_adds_after\": %.0f, \"speedup\": %.9g,\n \"images_fitted\": %zu, "
           "\"skipped\": %zu, \"layer\": %d",
           c->n, replaced, c->macs, macs, c->macs / macs, c->fitted, skipped, c->last);
    put_measured(c, "relative_error", c->error);
    put_measured(c, "cosine", c->cosine);
    printf(",\n \"layers\": [");
    for (int i = 0; i < c->n; i++) {
        const dnx_low_rank_layer *l = &c->layers[i];
        if (!l->rank) continue;
        printf("%s\n  {\"layer\": %d, \"filters\": %d, \"rank\": %d, \"energy\": %.9g, "
               "\"multiply_adds\": %.0f, \"multiply_adds_after\": %.0f",
               shown++ ? "," : "", l->r.layer, l->r.N, l->rank,
               dnx_energy(l->sigma, l->r.N, l->rank), l->dense, l->per_rank * l->rank);
        put_measured(c, "error", l->alone);
        put_measured(c, "error_in_net", l->within);
        printf("}");
    }
    printf("],\n \"held_out\": [");
    for (size_t i = 0; i < c->measured; i++) {
        printf("%s", i ? ", " : "");
        dnx_json_text(list->name[pick[c->fitted + i]]);
    }
    printf("]}\n");
}

dnx_status dnx_low_rank_csv(const dnx_low_rank *c, const char *path, dnx_err *err) {
    static const char head[] = "layer,filters,rank,eigenvalue,energy,chosen\n";
    char line[200];
    dnx_outfile f;
    dnx_status st = dnx_outfile_open(&f, path, err);
    if (st) return st;
    dnx_outfile_put(&f, head, sizeof head - 1);
    for (int i = 0; i < c->n; i++)
        for (int k = 0; k < c->layers[i].r.N; k++) {
            const dnx_low_rank_layer *l = &c->layers[i];
            int n = snprintf(line, sizeof line, "%d,%d,%d,%.9g,%.9g,%d\n", l->r.layer, l->r.N,
                             k + 1, l->sigma[k], dnx_energy(l->sigma, l->r.N, k + 1), l->rank);
            dnx_outfile_put(&f, line, (size_t)n);
        }
    return dnx_outfile_commit(&f, err);
}
