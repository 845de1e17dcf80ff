/* inputs.c - lists everything that the results of a run depend on, and compares two such lists. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/lines.h"
#include "base/outfile.h"
#include "kernels/kernels.h"
#include "kernels/pool.h"
#include "net/describe.h"
#include "train/job.h"
#include "train/teachers_parts.h"

enum { MOST_NAMED = 10 }; /* the most classes that compare_names() reports */

void dnx_train_note(const dnx_train_job *j, dnx_train_kind kind, const char *format, ...) {
    char text[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    j->events->note(j->events->arg, kind, text);
}

/* ---- classes ---- */

/* Returns the name of the folder that contains the images of one person, image i among them, and
 * sets *len to the name's length. NULL when image i lies in no such folder. */
static const char *identity(const dnx_data *d, size_t i, int *len) {
    const dnx_source *s = dnx_data_source(d, i);
    const size_t n = strlen(s->path);
    if (s->fd >= 0 || strncmp(d->text + d->at[i], s->path, n)) return NULL;
    const char *name = d->text + d->at[i] + n;
    if (s->path[n - 1] != '/' && *name++ != '/') return NULL;
    *len = (int)strcspn(name, "/");
    return name[*len] && *len ? name : NULL;
}

/* Returns the names of the classes, one in each line; NULL when no class has a name or memory runs
 * out. The caller frees the text. */
static char *class_names(const dnx_data *d) {
    const size_t classes = (size_t)d->o.classes;
    /* For each class: 1 + the index of an image in its folder, or 0. */
    size_t *image = calloc(classes + 1, sizeof *image);
    bool has_names = false;
    int len = 0;
    for (size_t i = 0; image && i < d->n; i++) {
        const int c = d->class_of[i];
        if (c < 0 || (size_t)c >= classes || image[c] || !identity(d, i, &len)) continue;
        image[c] = i + 1;
        has_names = true;
    }
    char *text = NULL;
    size_t size;
    FILE *f = has_names ? open_memstream(&text, &size) : NULL;
    for (size_t c = 0; f && c < classes; c++) {
        const char *name = image[c] ? identity(d, image[c] - 1, &len) : NULL;
        fprintf(f, "%.*s\n", name ? len : 0, name ? name : "");
    }
    free(image);
    if (!f || !fclose(f)) return text;
    free(text);
    return NULL;
}

dnx_status dnx_train_save_names(const dnx_train_job *j, dnx_err *err) {
    char *text = class_names(j->data);
    dnx_status st = text ? dnx_outfile_write(j->names, text, strlen(text), err) : DNX_OK;
    free(text);
    return st;
}

/* Reports the classes whose names differ from those in NAME.names. */
static void compare_names(const dnx_train_job *j) {
    size_t len;
    char *was = dnx_file_read_unnoted(j->names, DNX_MAX_FILE, &len), *is = class_names(j->data);
    const char *a = was, *b = is;
    int differ = 0;
    for (int c = 0; a && b && (*a || *b); c++) {
        int m = (int)strcspn(a, "\n"), n = (int)strcspn(b, "\n");
        bool same = m == n && !strncmp(a, b, (size_t)n);
        if (!same && differ++ < MOST_NAMED)
            dnx_train_note(j, DNX_TRAIN_WARNING, "  class %d: was %.*s, is %.*s", c, m, a, n, b);
        a += m + (a[m] == '\n');
        b += n + (b[n] == '\n');
    }
    if (differ > MOST_NAMED)
        dnx_train_note(j, DNX_TRAIN_WARNING, "  ... and %d more", differ - MOST_NAMED);
    free(was);
    free(is);
}

/* ---- the list ---- */

typedef struct {
    dnx_record *record;
    const char *prefix;
} sink;

static void add_option(void *arg, const char *key, const char *value, const char *usual) {
    const sink *s = arg;
    char full[256];
    snprintf(full, sizeof full, "%s%s", s->prefix, key);
    dnx_record_add(s->record, full, value, usual);
}

static void add_checksum(dnx_record *r, const char *key, uint64_t sum) {
    dnx_record_put(r, key, "%016" PRIx64, sum);
}

static dnx_status list_teachers(dnx_train_job *j, dnx_err *err) {
    const dnx_teachers *all = j->net->teachers;
    for (int i = 0; all && i < all->n_teachers; i++) {
        const dnx_teacher *t = &all->teachers[i];
        char prefix[32], key[64];
        uint64_t sum = 0;
        snprintf(prefix, sizeof prefix, "teacher %d ", i);
        sink s = {&j->inputs, prefix};
        dnx_net_describe(t->net, add_option, &s);
        snprintf(key, sizeof key, "%sweights", prefix);
        if (!dnx_hash_file(t->weights, &sum))
            return dnx_fail_at(err, DNX_EIO, t->weights, "cannot read: %s", strerror(errno));
        add_checksum(&j->inputs, key, sum);
    }
    for (int i = 0; i < j->net->n; i++) {
        char key[64];
        const int output = j->net->links[i].teacher_output;
        if (output < 0) continue;
        const dnx_teacher_output *o = &all->outputs[output];
        snprintf(key, sizeof key, "layer %d imitates", i);
        dnx_record_put(&j->inputs, key, "layer %d of teacher %d%s", o->layer, o->teacher,
                       o->flips ? ", flips=1" : "");
    }
    dnx_record_add(&j->inputs, "-cache", j->a->cache ? "yes" : "no", "no");
    return DNX_OK;
}

static void list_data(dnx_train_job *j) {
    dnx_record *r = &j->inputs;
    const dnx_data *d = j->data;
    char *names = class_names(d);
    dnx_record_put(r, "[data] images", "%zu", d->n);
    dnx_record_put(r, "[data] classes", "%d", d->o.classes);
    add_checksum(r, "[data] content", d->content);
    dnx_record_remark(r, "[data] train", "%s", d->o.train);
    dnx_record_remark(r, "[data] class names", "%016" PRIx64,
                      dnx_hash(0, names ? names : "", names ? strlen(names) : 0));
    free(names);
}

static void processor(char *out, size_t size) {
    char line[256], *sign;
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(out, size, "unknown");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, "model name", 10) && (sign = strchr(line, ':'))) {
            snprintf(out, size, "%s", dnx_trim(sign + 1));
            break;
        }
    if (f) fclose(f);
}

/* Lists as remarks (record.h) what hardly changes the trained weights. */
static void list_remarks(dnx_train_job *j) {
    dnx_record *r = &j->inputs;
    char text[256];
    uint64_t build = 0;
    dnx_record_remark(r, "-threads", "%d", j->net->threads);
    dnx_record_remark(r, "shares", "%d", dnx_pool_threads(j->net->pool));
    dnx_record_remark(r, "-every", "%d", j->a->every);
    if (j->pairs) dnx_record_remark(r, "-verify", "%d", j->a->verify);
    else dnx_record_remark(r, "-verify", "never");
    if (j->pairs && j->pairs->judge.kind)
        dnx_record_remark(r, "-judge", "%s", j->pairs->judge.name);
    dnx_record_remark(r, "instructions", "%s", dnx_kernels()->name);
    processor(text, sizeof text);
    dnx_record_remark(r, "processor", "%s", text);
    dnx_record_remark(r, "GPU", "%s", j->net->placement ? j->net->placement->name : "none");
    (void)dnx_hash_file("/proc/self/exe", &build);
    dnx_record_remark(r, "build", "%016" PRIx64, build);
}

dnx_status dnx_train_list_inputs(dnx_train_job *j, dnx_err *err) {
    sink s = {&j->inputs, ""};
    dnx_net_describe(j->net, add_option, &s);
    list_data(j);
    dnx_status st = list_teachers(j, err);
    list_remarks(j);
    if (!st && !(j->inputs_text = dnx_record_text(&j->inputs))) st = dnx_no_memory(j->a->cfg, err);
    return st;
}

/* ---- comparing ---- */

typedef struct {
    const dnx_train_job *j;
    int count;       /* number of differences that are not remarks */
    char first[240]; /* text of the first difference that is not a remark */
} comparison;

static void note_difference(void *arg, const char *key, const char *was, const char *is,
                            bool is_remark) {
    comparison *c = arg;
    const char *const none = "(nothing)";
    if (!*was) was = none;
    if (!*is) is = none;
    if (!is_remark && !c->count++)
        snprintf(c->first, sizeof c->first, "%s: was %.80s, is %.80s", key, was, is);
    dnx_train_note(c->j, DNX_TRAIN_WARNING, "%s%s: was %.200s, is %.200s",
                   is_remark ? "  (remark) " : "  ", key, was, is);
}

static void differs(void *arg, const char *key, const char *was, const char *is, bool is_remark) {
    comparison *c = arg;
    if (!strcmp(key, "[data] class names")) compare_names(c->j);
    else note_difference(arg, key, was, is, is_remark);
}

dnx_status dnx_train_compare(dnx_train_job *j, const char *was, dnx_err *err) {
    comparison c = {.j = j};
    dnx_record old = {0};
    dnx_record_parse(&old, was);
    bool ok = dnx_record_compare(&old, &j->inputs, differs, &c);
    dnx_record_free(&old);
    if (!ok) return dnx_no_memory(j->state, err);
    if (!c.count || j->a->force) return DNX_OK;
    return dnx_fail_at(err, DNX_EOPTION, j->state,
                       "is of a run with other inputs: %s%s; -force continues nevertheless, -name "
                       "or -out makes another run",
                       c.first, c.count > 1 ? ", and more" : "");
}
