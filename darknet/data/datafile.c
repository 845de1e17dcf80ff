/* datafile.c - reads .data files, and has the table of their keys. */
#include "data/datafile.h"

#include <string.h>

#include "net/opts.h"

typedef dnx_data_opts O;
static const dnx_opt options[] = {
    /* Batches store classes as floats, which represent whole numbers up to 2^24 exactly. */
    DNX_OPT_INT(O, classes, 0, 0, 16777216, "number of classes; 0: no labels"),
    DNX_OPT_INT(O, top, 1, 1, 16777216, "an image counts as right with its class among so many"),
    DNX_OPT_STRING(O, train, NULL, "folders, lists and .rec files of images to train on"),
    DNX_OPT_STRING(O, valid, NULL, "the same to validate on"),
    DNX_OPT_STRING(O, labels, NULL, "file with a label a line, to find in paths"),
    DNX_OPT_STRING(O, names, NULL, "the same; used when labels is not given"),
    DNX_OPT_STRING(O, backup, "backup", "folder for weights, checkpoints and the log"),
    DNX_OPT_STRING(O, eval, NULL, "libdarknet's; not used"),
    DNX_OPT_STRING(O, map, NULL, "libdarknet's; not used"),
    DNX_OPT_STRING(O, results, NULL, "libdarknet's; not used"),
    DNX_OPT_END(O),
};

static int line_of(const dnx_section *s, const char *key) {
    const dnx_pair *p = dnx_opts_given(s, key);
    return p ? p->line : 0;
}

dnx_status dnx_datafile_parse(dnx_lines *l, dnx_data_opts *o, dnx_err *err) {
    enum { MOST = 64 };
    dnx_pair pairs[MOST];
    dnx_section s = {(char[]){"data"}, 1, pairs, 0};
    *o = (dnx_data_opts){0};
    for (char *line; (line = dnx_lines_next(l, "#;"));) {
        dnx_loc here = dnx_lines_at(l);
        dnx_comment_cut(line);
        char *sign = strchr(line, '='), *value = sign ? dnx_trim(sign + 1) : NULL;
        if (!sign || sign == line || !*value)
            return dnx_fail(err, DNX_EPARSE, here, "must be key=value");
        if (s.n == MOST) return dnx_fail(err, DNX_EPARSE, here, "more than %d options", MOST);
        *sign = 0;
        pairs[s.n++] = (dnx_pair){dnx_trim(line), value, here.line};
    }
    dnx_status st = dnx_opts_parse((const dnx_opt *[]){options}, (void *[]){o}, 1, &s, l->file,
                                   NULL, err);
    o->classes_line = line_of(&s, "classes");
    o->train_line = line_of(&s, "train");
    o->valid_line = line_of(&s, "valid");
    o->labels_line = line_of(&s, "labels");
    o->names_line = line_of(&s, "names");
    return st;
}

dnx_status dnx_datafile_read(const char *file, dnx_data_opts *o, dnx_err *err) {
    dnx_lines l;
    *o = (dnx_data_opts){0};
    dnx_status st = dnx_lines_open(&l, file, "a .data file", 16 << 20, err);
    if (st) return st;
    st = dnx_datafile_parse(&l, o, err);
    dnx_lines_free(&l);
    return st;
}

dnx_status dnx_datafile_cfg(const char *file, const char *path, dnx_cfg **out, dnx_err *err) {
    dnx_data_opts o = {0};
    dnx_status st = dnx_cfg_read(path, out, err);
    if (st) return st;
    if (dnx_cfg_asks_classes(*out)) {
        st = dnx_datafile_read(file, &o, err);
        if (!st && !o.classes)
            st = dnx_fail_at(err, DNX_EOPTION, file,
                             "[data] needs classes=: the cfg says classes=auto");
        if (!st) st = dnx_cfg_set_classes(*out, o.classes, err);
        dnx_datafile_free(&o);
    }
    if (!st) return DNX_OK;
    dnx_cfg_free(*out);
    *out = NULL;
    return st;
}

void dnx_datafile_free(dnx_data_opts *o) { dnx_opts_free(options, o); }
