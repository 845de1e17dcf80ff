/* open.c - opens networks from their files, and checks the files that a verb writes. */
#include <stdio.h>
#include <unistd.h>

#include "base/files.h"
#include "base/outfile.h"
#include "cmd/cmd.h"
#include "host/layers.h"
#include "net/classes.h"
#include "net/weights.h"
#include "net/weights_kind.h"
#include "train/teachers.h"

/* Loads the weights of a network that was built with status st. */
static dnx_status load(dnx_status st, dnx_cfg *sections, const char *weights, dnx_net *net,
                       dnx_err *err) {
    dnx_cfg_free(sections);
    if (st || !weights) return st;
    st = dnx_weights_load(net, weights, err);
    if (st) dnx_net_free(net);
    return st;
}

static dnx_status read_cfg(const char *path, int classes, dnx_cfg **cfg, dnx_err *err) {
    dnx_status st = dnx_cfg_read(path, cfg, err);
    if (st) return st;
    st = dnx_cfg_set_classes(*cfg, classes, err);
    if (st) dnx_cfg_free(*cfg);
    return st;
}

int dnx_known_classes(const char *cfg, const char *weights, int classes) {
    const dnx_build how = {.threads = 1, .types = dnx_host_types, .teachers = &dnx_cfg_teachers};
    const int there = classes > 1 || !weights ? 0 : dnx_classes_in(cfg, weights, &how);
    return there ? there : classes;
}

static dnx_status build(const char *cfg, const char *weights, int classes, const dnx_build *how,
                        dnx_net **net, dnx_err *err) {
    dnx_cfg *sections;
    dnx_status st = read_cfg(cfg, dnx_known_classes(cfg, weights, classes), &sections, err);
    if (st) return st;
    st = dnx_net_build(sections, how, net, err);
    return load(st, sections, weights, *net, err);
}

dnx_status dnx_open(const dnx_opening *o, dnx_net **net, dnx_err *err) {
    const dnx_build how = {.trains = o->trains,
                           .batch = o->batch,
                           .threads = o->threads,
                           .types = dnx_host_types,
                           .teachers = &dnx_cfg_teachers};
    return build(o->cfg, o->weights, o->classes, &how, net, err);
}

dnx_status dnx_open_to_train(const char *cfg, const char *weights, int batch, int threads,
                             dnx_net **net, dnx_err *err) {
    dnx_build how = {.trains = true,
                     .batch = batch,
                     .threads = threads,
                     .types = dnx_host_types,
                     .teachers = &dnx_cfg_teachers};
    dnx_status st = dnx_where_to_run(&how.placement, err);
    return st ? st : build(cfg, weights, 0, &how, net, err);
}

dnx_status dnx_open_to_run(const char *cfg, const char *weights, int classes, int batch,
                           int threads, dnx_net **net, dnx_err *err) {
    dnx_build how = {.keeps_no_weights = true,
                     .batch = batch,
                     .threads = threads,
                     .types = dnx_host_types,
                     .teachers = &dnx_cfg_teachers};
    dnx_status st = dnx_where_to_run(&how.placement, err);
    dnx_return_large_blocks();
    return st ? st : build(cfg, weights, classes, &how, net, err);
}

dnx_status dnx_try_output(const char *path, bool replaces, dnx_err *err) {
    return replaces ? dnx_outfile_try(path, err) : dnx_outfile_try_new(path, err);
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

dnx_status dnx_open_features(const dnx_opening *o, dnx_net **net, dnx_err *err) {
    dnx_bridge b = {0};
    dnx_opening bare = *o;
    char remark[256] = "";
    bare.weights = NULL;
    bare.classes = dnx_known_classes(o->cfg, o->weights, o->classes);
    dnx_status st = o->to_run ? dnx_open_to_run(o->cfg, NULL, bare.classes, o->batch, o->threads,
                                                net, err)
                              : dnx_open(&bare, net, err);
    if (st || !o->weights) return st;
    st = dnx_bridge_file(*net, o->weights, DNX_FIT_FEATURES, &b, err);
    if (!st) dnx_bridge_remark(&b, remark, sizeof remark);
    if (remark[0]) fprintf(stderr, "%s: %s\n", o->weights, remark);
    dnx_bridge_free(&b);
    if (st) dnx_net_free(*net);
    return st;
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
