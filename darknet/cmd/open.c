/* open.c - opens networks from their files, and checks the files that a verb writes. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/outfile.h"
#include "cmd/cmd.h"
#include "data/datafile.h"
#include "host/layers.h"
#include "kernels/processors.h"
#include "net/classes.h"
#include "net/weights.h"
#include "net/weights_kind.h"
#include "train/teachers.h"

dnx_status dnx_open_cfg(const dnx_opening *o, dnx_cfg **cfg, dnx_err *err) {
    const dnx_build how = {.threads = 1, .types = dnx_host_types, .teachers = &dnx_cfg_teachers};
    const char *weights = o->weights ? o->weights : o->classes_of;
    return o->data
               ? dnx_datafile_cfg(o->data, o->cfg, cfg, err)
               : dnx_cfg_open(o->cfg, o->classes > 1 ? NULL : weights, o->classes, &how, cfg, err);
}

static void drop(dnx_net **net) {
    dnx_net_free(*net);
    *net = NULL;
}

dnx_status dnx_open(const dnx_opening *o, dnx_net **net, dnx_err *err) {
    dnx_cfg *cfg;
    dnx_build how = {.trains = o->trains,
                     .keeps_no_weights = o->to_run && !o->trains,
                     .is_blank = o->is_blank || o->weights,
                     .batch = o->batch,
                     .threads = o->threads,
                     .types = dnx_host_types,
                     .teachers = &dnx_cfg_teachers};
    *net = NULL;
    dnx_status st = o->to_run ? dnx_where_to_run(&how.placement, err) : DNX_OK;
    if (how.keeps_no_weights) dnx_return_large_blocks();
    if (!st) st = dnx_open_cfg(o, &cfg, err);
    if (st) return st;
    st = dnx_net_build(cfg, &how, net, err);
    dnx_cfg_free(cfg);
    if (st || !o->weights) return st;
    st = dnx_weights_load(*net, o->weights, err);
    if (st) drop(net);
    return st;
}

dnx_status dnx_try_output(const char *path, bool replaces, dnx_err *err) {
    return replaces ? dnx_outfile_try(path, err) : dnx_outfile_try_new(path, err);
}

dnx_status dnx_try_another(const char *path, const char *const *paths, int n, dnx_err *err) {
    for (int i = 0; i < n; i++)
        if (paths[i] && dnx_outfile_is_same(path, paths[i]))
            return dnx_fail_at(err, DNX_EIO, path, "is named for two outputs");
    return DNX_OK;
}

dnx_status dnx_try_weights(const char *path, bool replaces, dnx_err *err) {
    unsigned char head[DNX_KIND_BYTES];
    size_t len, n = 0;
    dnx_status st = dnx_try_output(path, replaces, err);
    FILE *f = st ? NULL : dnx_file_open_unnoted(path, SIZE_MAX / 2, &len);
    if (!f) return st; /* a missing file needs no check */
    n = fread(head, 1, sizeof head, f);
    fclose(f);
    if (!dnx_weights_kind(head, n)) return DNX_OK;
    return dnx_fail_at(err, DNX_EIO, path, "is not a weights file; choose another name");
}

dnx_status dnx_save_network(const char *cfg, const char *text, dnx_net *net, const char *weights,
                            dnx_err *err) {
    dnx_outfile f;
    dnx_status st = dnx_outfile_open(&f, cfg, err);
    if (st) return st;
    dnx_outfile_put(&f, text, strlen(text));
    st = dnx_outfile_sync(&f, err);
    if (!st) st = dnx_weights_save(net, weights, err);
    if (!st) return dnx_outfile_commit(&f, err);
    dnx_outfile_discard(&f);
    return st;
}

dnx_status dnx_open_features(const dnx_opening *o, dnx_net **net, dnx_err *err) {
    dnx_bridge b = {0};
    dnx_opening bare = *o;
    char remark[256] = "";
    bare.weights = NULL;
    bare.classes_of = o->weights;
    dnx_status st = dnx_open(&bare, net, err);
    if (st || !o->weights) return st;
    st = dnx_bridge_file(*net, o->weights, DNX_FIT_FEATURES, &b, err);
    if (!st) dnx_bridge_remark(&b, remark, sizeof remark);
    if (remark[0]) fprintf(stderr, "%s: %s\n", o->weights, remark);
    dnx_bridge_free(&b);
    if (st) drop(net);
    return st;
}

dnx_status dnx_takes_images(const dnx_net *net, dnx_err *err) {
    if (net->in.c == 1 || net->in.c == 3) return DNX_OK;
    return dnx_fail_at(err, DNX_ESHAPE, net->file, "[net] channels=%d: images have 1 or 3",
                       net->in.c);
}

int dnx_threads(int asked) {
    const int cores = dnx_processors();
    return asked ? asked : cores > 64 ? 64 : cores;
}

void dnx_print_skipped(void *arg, const char *path, const char *why) {
    (void)arg;
    fprintf(stderr, "%s: skipped: %s\n", path, why);
}

static void print_line(void *arg, const char *text) {
    (void)arg;
    fprintf(stderr, "%s\n", text);
}

void dnx_print_bridge(const dnx_bridge *b) { dnx_bridge_table(b, print_line, NULL); }

void dnx_print_notes(const dnx_net *net) {
    for (int i = 0; i < net->origin.notes.n; i++)
        fprintf(stderr, "%s\n", net->origin.notes.text[i]);
}
