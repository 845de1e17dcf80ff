/* teachers.c - opens teachers and runs them on the student's batch. */
#include "train/teachers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/resize.h"
#include "net/classes.h"
#include "net/weights.h"
#include "train/teachers_parts.h"

/* Returns a copy of `path`. A relative path gets the folder of the file `beside` in front. The
 * caller frees the result, which is NULL without memory. */
static char *resolve(const char *path, const char *beside) {
    const char *slash = strrchr(beside, '/');
    int folder = path[0] == '/' || !slash ? 0 : (int)(slash - beside) + 1;
    char *s;
    return asprintf(&s, "%.*s%s", folder, beside, path) < 0 ? NULL : s;
}

static dnx_status no_memory(const dnx_net *net, dnx_err *err) {
    return dnx_fail_at(err, DNX_EMEM, net->file, "no memory for the teachers");
}

/* Fails with the error `said`, which is about the file `path`. The new message names the option
 * key=value instead of the path. */
static dnx_status by_option(const dnx_node *n, const char *key, const char *value, const char *path,
                            const dnx_err *said, dnx_err *err) {
    size_t len = strlen(path);
    bool is_of_all = !strncmp(said->text, path, len) && !strncmp(said->text + len, ": ", 2);
    return dnx_fail(err, said->status, n->loc, "[%s] %s=%.120s: %s", n->type->name, key, value,
                    said->text + (is_of_all ? len + 2 : 0));
}

static dnx_status open_teacher(dnx_net *net, const dnx_node *n, const char *option, char *cfg_path,
                               char *weights, int *which, dnx_err *err) {
    dnx_err said = {0};
    dnx_teachers *t = net->teachers;
    dnx_cfg *cfg;
    for (int i = 0; i < t->n_teachers; i++) {
        const dnx_teacher *k = &t->teachers[i];
        if (strcmp(k->cfg, cfg_path) || strcmp(k->weights, weights)) continue;
        free(cfg_path);
        free(weights);
        *which = i;
        return DNX_OK;
    }
    dnx_teacher new = {cfg_path, weights, NULL}, *more = NULL;
    const dnx_build how = {.batch = net->batch,
                           .is_blank = true,
                           .student = net,
                           .types = net->more_types,
                           .teachers = net->teacher_source};
    /* A student that predicts needs only the shapes of its teacher. The shapes of features do not
     * depend on the number of classes. So if classes=auto finds no number, the teacher gets one
     * class. */
    const int otherwise = !net->trains && !dnx_is_of_head(dnx_takes(n));
    dnx_status st = dnx_cfg_open(cfg_path, weights, otherwise, &how, &cfg, &said);
    if (!st) {
        st = dnx_net_build(cfg, &how, &new.net, &said);
        dnx_cfg_free(cfg);
    }
    if (st) by_option(n, "teacher", option, cfg_path, &said, err);
    if (!st) more = realloc(t->teachers, sizeof *more * (size_t)(t->n_teachers + 1));
    if (!st && !more) st = no_memory(net, err);
    if (st) {
        dnx_net_free(new.net);
        free(cfg_path);
        free(weights);
        return st;
    }
    t->teachers = more;
    t->teachers[ *which = t->n_teachers++] = new;
    return DNX_OK;
}

static dnx_status load(dnx_teacher *k, const dnx_node *n, const char *option, dnx_err *err) {
    dnx_err said = {0};
    dnx_status st = k->is_loaded ? DNX_OK : dnx_weights_load(k->net, k->weights, &said);
    k->is_loaded = !st;
    return st ? by_option(n, "weights", option, k->weights, &said, err) : DNX_OK;
}

static dnx_status add_output(dnx_net *net, dnx_node *n, int which, int layer, bool flips,
                             dnx_err *err) {
    dnx_teachers *t = net->teachers;
    for (int i = 0; i < t->n_outputs; i++)
        if (t->outputs[i].teacher == which && t->outputs[i].layer == layer &&
            t->outputs[i].flips == flips) {
            net->links[n->index].teacher_output = i;
            return DNX_OK;
        }
    dnx_teacher_output *more = realloc(t->outputs, sizeof *more * (size_t)(t->n_outputs + 1));
    if (more) t->outputs = more;
    dnx_tap *taps = realloc(t->taps, sizeof *taps * (size_t)(t->n_outputs + 1));
    if (taps) t->taps = taps;
    if (!more || !taps) return no_memory(net, err);
    dnx_teacher_output *w = &t->outputs[t->n_outputs];
    *w = (dnx_teacher_output){.teacher = which,
                              .layer = layer,
                              .flips = flips,
                              .size = dnx_size(n->distillation->target)};
    net->links[n->index].teacher_output = t->n_outputs++;
    if (!net->trains) return DNX_OK;
    const size_t batch = (size_t)net->batch;
    w->out = dnx_alloc(w->size * batch);
    if (flips) w->other = dnx_alloc(w->size * batch);
    if (flips && !t->mirrored) t->mirrored = dnx_alloc(dnx_size(net->in) * batch);
    return w->out && (!flips || (w->other && t->mirrored)) ? DNX_OK : no_memory(net, err);
}

/* Checks the teacher's channels, and makes t->x large enough for a batch in the teacher's size. */
static dnx_status fit_input(dnx_net *net, dnx_node *n, const dnx_teacher_opts *o, int which,
                            dnx_err *err) {
    dnx_teachers *t = net->teachers;
    const dnx_net *k = t->teachers[which].net;
    size_t size = dnx_size(k->in);
    if (k->in.c != net->in.c)
        return dnx_fail(err, DNX_ESHAPE, n->loc, "[%s] teacher=%s: takes %d channels, not %d",
                        n->type->name, o->teacher, k->in.c, net->in.c);
    if (!net->trains || size <= t->x_floats) return DNX_OK;
    dnx_free(t->x);
    t->x = dnx_alloc(size * (size_t)net->batch);
    t->x_floats = t->x ? size : 0;
    return t->x ? DNX_OK : no_memory(net, err);
}

static dnx_status find_target(dnx_net *net, dnx_node *n, const dnx_teacher_opts *o, int which,
                              dnx_err *err) {
    dnx_net *k = net->teachers->teachers[which].net;
    const char *why;
    int layer, given = o->layer ? dnx_net_find(k, o->layer) : -1;
    if (o->layer && given < 0) given = k->n; /* dnx_net_source() will refuse it */
    if (!dnx_net_source(k, k->n, given, dnx_takes(n), &layer, &n->distillation->target_head, &why))
        return o->layer ? dnx_fail(err, DNX_EOPTION, n->loc,
                                   "[%s] layer=%.60s: %s in %s, which has layers 0 to %d",
                                   n->type->name, o->layer, why, o->teacher, k->n - 1)
                        : dnx_fail(err, DNX_EOPTION, n->loc, "[%s] teacher=%s: %s", n->type->name,
                                   o->teacher, why);
    const dnx_shape out = n->distillation->target = k->nodes[layer].out;
    if (o->flips && (out.h != 1 || out.w != 1))
        return dnx_fail(
            err, DNX_EOPTION, n->loc,
            "[%s] flips=1: layer %d of %s is a map of %d x %d: only features can be added",
            n->type->name, layer, o->teacher, out.h, out.w);
    if (dnx_takes(n) == DNX_VECTORS) return DNX_OK;
    dnx_net_unmerge(k, layer);
    return add_output(net, n, which, layer, o->flips != 0, err);
}

static dnx_status open_for(dnx_net *net, dnx_node *n, const dnx_teacher_opts *o, dnx_err *err) {
    const char *name = n->type->name;
    int which = 0;
    if (!o->teacher) return dnx_fail(err, DNX_EOPTION, n->loc, "[%s] needs teacher=", name);
    if (!o->weights && net->trains)
        return dnx_fail(err, DNX_EOPTION, n->loc, "[%s] needs weights= of the teacher", name);
    if (!net->teachers) net->teachers = calloc(1, sizeof *net->teachers);
    char *cfg = resolve(o->teacher, net->file);
    char *weights = resolve(o->weights ? o->weights : "", net->file);
    if (!net->teachers || !cfg || !weights) {
        free(cfg);
        free(weights);
        return no_memory(net, err);
    }
    dnx_status st = open_teacher(net, n, o->teacher, cfg, weights, &which, err);
    if (!st) st = fit_input(net, n, o, which, err);
    if (!st) st = find_target(net, n, o, which, err);
    if (st || !net->trains || dnx_takes(n) != DNX_VECTORS) return st;
    /* Loads the weights here, because make() of the loss will copy the teacher's class vectors. */
    return load(&net->teachers->teachers[which], n, o->weights, err);
}

static dnx_status load_for(dnx_net *net, const dnx_node *n, const dnx_teacher_opts *o,
                           dnx_err *err) {
    const dnx_teachers *t = net->teachers;
    const int which = t->outputs[net->links[n->index].teacher_output].teacher;
    return load(&t->teachers[which], n, o->weights, err);
}

static void close_all(dnx_teachers *t) {
    for (int i = 0; i < t->n_teachers; i++) {
        dnx_net_free(t->teachers[i].net);
        free(t->teachers[i].cfg);
        free(t->teachers[i].weights);
    }
    for (int i = 0; i < t->n_outputs; i++) {
        dnx_free(t->outputs[i].out);
        dnx_free(t->outputs[i].other);
        dnx_cache_close(&t->outputs[i].cache);
    }
    free(t->teachers);
    free(t->outputs);
    free(t->taps);
    dnx_free(t->x);
    dnx_free(t->mirrored);
    free(t);
}

const dnx_teacher_source dnx_cfg_teachers = {open_for, load_for, close_all};

/* Converts an image of network `from` to the size and normalisation of network `to`. */
static void convert(const dnx_net *from, const float *x, const dnx_net *to, float *out) {
    const dnx_shape a = from->in, b = to->in;
    const float scale = to->o.input_scale / from->o.input_scale;
    const float shift = (from->o.input_mean - to->o.input_mean) * to->o.input_scale;
    dnx_resize(x, a.w, a.h, a.c, b.w, b.h, out);
    for (size_t i = 0; i < dnx_size(b); i++) out[i] = out[i] * scale + shift;
}

static bool sees_the_same(const dnx_net *a, const dnx_net *b) {
    return !memcmp(&a->in, &b->in, sizeof a->in) && a->o.input_mean == b->o.input_mean &&
           a->o.input_scale == b->o.input_scale;
}

void dnx_teachers_run_one(dnx_net *net, int which, const float *x, int count, bool is_mirrored) {
    dnx_teachers *t = net->teachers;
    dnx_net *k = t->teachers[which].net;
    size_t size = dnx_size(k->in);
    if (!sees_the_same(net, k)) {
        for (int b = 0; b < count; b++)
            convert(net, x + (size_t)b * dnx_size(net->in), k, t->x + (size_t)b * size);
        x = t->x;
    }
    int n = 0;
    for (const dnx_teacher_output *w = t->outputs; w < t->outputs + t->n_outputs; w++)
        if (w->teacher == which && (w->flips || !is_mirrored))
            t->taps[n++] = (dnx_tap){w->layer, is_mirrored ? w->other : w->out};
    dnx_net_run_taps(k, x, count, t->taps, n);
}

static void mirror(const float *x, dnx_shape s, int count, float *out) {
    const size_t c = (size_t)s.c, width = (size_t)s.w, rows = (size_t)count * (size_t)s.h;
    for (size_t r = 0; r < rows; r++)
        for (size_t q = 0; q < width; q++)
            memcpy(out + (r * width + q) * c, x + (r * width + width - 1 - q) * c, sizeof *out * c);
}

/* Runs teacher `which` on x. To each output with flips, adds the output for x mirrored. */
static void run_teacher(dnx_net *net, int which, const float *x) {
    dnx_teachers *t = net->teachers;
    const size_t batch = (size_t)net->batch;
    bool flips = false;
    dnx_teachers_run_one(net, which, x, net->batch, false);
    for (int i = 0; i < t->n_outputs; i++)
        flips = flips || (t->outputs[i].teacher == which && t->outputs[i].flips);
    if (!flips) return;
    mirror(x, net->in, net->batch, t->mirrored);
    dnx_teachers_run_one(net, which, t->mirrored, net->batch, true);
    for (int i = 0; i < t->n_outputs; i++) {
        dnx_teacher_output *w = &t->outputs[i];
        if (w->teacher == which && w->flips)
            for (size_t k = 0; k < w->size * batch; k++) w->out[k] += w->other[k];
    }
}

/* Reads the outputs of teacher `which` from the cache. Returns false when this teacher must run.
 * image: NULL when the cache has no outputs for these images. */
static bool from_cache(const dnx_teachers *t, int which, const uint32_t *image,
                       const unsigned char *mirrored, int count) {
    for (int i = 0; i < t->n_outputs; i++)
        if (t->outputs[i].teacher == which &&
            (!image || !dnx_teachers_from_cache(&t->outputs[i], image, mirrored, count)))
            return false;
    return true;
}

void dnx_teachers_run(dnx_net *net, const float *x, const uint32_t *image,
                      const unsigned char *mirrored) {
    dnx_teachers *t = net->teachers;
    if (!t) return;
    for (int i = 0; i < t->n_teachers; i++)
        if (!from_cache(t, i, image, mirrored, net->batch)) run_teacher(net, i, x);
    for (int i = 0; i < net->n; i++)
        if (net->links[i].teacher_output >= 0)
            net->links[i].target = t->outputs[net->links[i].teacher_output].out;
}
