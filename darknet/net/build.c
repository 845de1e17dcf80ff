/* build.c - builds a network from the sections of a cfg. */
#include "net/net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/pool.h"
#include "kernels/processors.h"
#include "net/idle.h"
#include "net/build.h"
#include "net/plan.h"
#include "net/rate.h"
#include "net/options.h"
#include "net/opts.h"
#include "net/types.h"

#define MAX_LAYERS 10000
/* When predicting, chunks of about this many input floats go through all layers, so that outputs
 * stay in the cache. MobileFaceNet at batch 32 takes a quarter longer without chunks. */
#define CHUNK_FLOATS 65536

static dnx_status net_options(dnx_net *net, const dnx_section *s, dnx_err *err) {
    dnx_net_opts *o = &net->o;
    dnx_loc at = {net->file, s->line};
    dnx_status st = dnx_opts_parse((const dnx_opt *[]){dnx_net_options}, (void *[]){o}, 1, s,
                                   net->file, &net->origin.notes, err);
    if (st) return st;
    if (o->batch % o->subdivisions)
        return dnx_fail(err, DNX_EOPTION, at, "[%s] subdivisions=%d: must divide batch=%d", s->name,
                        o->subdivisions, o->batch);
    if (o->height && o->width && o->channels)
        net->in = (dnx_shape){o->height, o->width, o->channels};
    else if (o->inputs && !o->height && !o->width && !o->channels)
        net->in = (dnx_shape){1, 1, o->inputs};
    else
        return dnx_fail(err, DNX_EOPTION, at, "[%s] needs height, width and channels, or inputs",
                        s->name);
    if (o->inputs && (size_t)o->inputs != dnx_size(net->in))
        return dnx_fail(err, DNX_EOPTION, at, "[%s] inputs=%d: height*width*channels is %zu",
                        s->name, o->inputs, dnx_size(net->in));
    if (o->policy == DNX_STEPS && o->steps.n == 0)
        return dnx_fail(err, DNX_EOPTION, at,
                        "[%s] policy=steps: needs steps= and scales=", s->name);
    if (o->policy == DNX_STEPS && o->steps.n != o->scales.n)
        return dnx_fail(err, DNX_EOPTION, at,
                        "[%s] policy=steps: needs as many scales (%d) as steps (%d)", s->name,
                        o->scales.n, o->steps.n);
    return DNX_OK;
}

dnx_loc dnx_net_at(const dnx_net *net, const char *key) {
    for (int i = 0; i < net->origin.n_places; i++)
        if (!strcmp(net->origin.places[i].key, key))
            return (dnx_loc){net->file, net->origin.places[i].line};
    return (dnx_loc){net->file, net->origin.line};
}

/* True when layer i has filters over the same inputs, as weight exclusivity needs. */
static bool has_filters(dnx_net *net, int i) {
    dnx_param list[DNX_MAX_PARAMS];
    for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
        if (list[k].filters > 1) return true;
    return false;
}

/* Rounds v to a multiple of divisor, as in MobileNet's code. */
static double round_width(double v, int divisor) {
    if (divisor == 1) return floor(v + .5);
    double n = floor((v + divisor / 2) / divisor) * divisor;
    if (n < divisor) n = divisor;
    return n < .9 * v ? n + divisor : n;
}

/* Multiplies *filters by width_multiplier. given: filters= of the section, or NULL. */
static dnx_status scale_width(dnx_net *net, const dnx_node *n, int *filters, const dnx_pair *given,
                              dnx_err *err) {
    const double by = (double)net->o.width_multiplier;
    const double scaled = round_width(*filters * by, net->o.divisor);
    dnx_loc at = given ? (dnx_loc){net->file, given->line} : n->loc;
    if (scaled > 65536)
        return dnx_fail(err, DNX_EOPTION, at,
                        "[%s] filters=%d * width_multiplier %g: is over 65536", n->type->name,
                        *filters, by);
    if (scaled < 1)
        dnx_note(&net->origin.notes, at, "[%s] filters=%d * width_multiplier %g: rounded up to 1",
                 n->type->name, *filters, by);
    *filters = scaled < 1 ? 1 : (int)scaled;
    return DNX_OK;
}

static dnx_status build_layer(dnx_net *net, const dnx_section *s, dnx_err *err) {
    dnx_node *n = &net->nodes[net->n];
    dnx_link *l = &net->links[net->n];
    dnx_layer_sgd *sgd = &net->sgd.of[net->n];
    dnx_common_opts common = {0};
    dnx_teacher_opts teacher = {0};
    const dnx_pair *width = dnx_opts_given(s, "filters");
    n->index = net->n;
    n->loc = (dnx_loc){net->file, s->line};
    n->batch = net->chunk;
    n->trains = net->trains && n->index >= net->first_trained;
    n->keeps_no_weights = net->keeps_no_weights;
    n->is_blank = net->is_blank;
    n->seed = (uint64_t)net->o.seed;
    l->teacher_output = -1;
    const dnx_layer_type *type = dnx_type_find(s->name, net->more_types);
    if (!type) return dnx_type_unknown(s, net->file, net->more_types, err);
    n->pool = net->plan.lanes > 1 && type->is_reentrant ? net->plan.alone : net->pool;
    if (n->trains && !type->backward)
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[%s]: only predicts here; /usr/bin/darknet trains it", type->name);
    n->opts = calloc(1, dnx_opts_size(type->options));
    n->state = calloc(1, type->state_size + 1);
    n->type = type;
    net->n++;
    const bool may_have_teacher = dnx_may_have_teacher(type);
    if (may_have_teacher) n->distillation = calloc(1, sizeof *n->distillation);
    if (!n->opts || !n->state || (may_have_teacher && !n->distillation))
        return dnx_fail(err, DNX_EMEM, n->loc, "[%s] no memory", type->name);
    dnx_status st = dnx_opts_parse(
        (const dnx_opt *[]){type->options, dnx_common_options, dnx_teacher_options},
        (void *[]){n->opts, &common, &teacher}, may_have_teacher ? 3 : 2, s, net->file,
        &net->origin.notes, err);
    l->name = common.name;
    if (st) {
        dnx_opts_free(dnx_teacher_options, &teacher);
        return st;
    }
    if (common.exclusivity < 0 && common.exclusivity != -1)
        st = dnx_fail(err, DNX_EOPTION, n->loc, "[%s] exclusivity=%g: must be 0 or more, or -1",
                      type->name, common.exclusivity);
    sgd->exclusivity = common.exclusivity < 0 ? net->o.exclusivity : common.exclusivity;
    sgd->rate = common.learning_rate;
    sgd->decay = common.decay;
    int *filters = dnx_opts_field(n, "filters"), given = filters ? *filters : 0;
    const bool is_scaled = filters && !common.fixed_width && net->o.width_multiplier != 1;
    if (is_scaled && !st) st = scale_width(net, n, filters, width, err);
    if (!st) st = dnx_net_inputs(net, n, &teacher, err);
    dnx_err said = {0};
    if (!st) {
        st = type->make(n, &said);
        /* Loads the teacher's weights before prepare(), which may copy some of them. */
        if (!st && net->trains && net->teacher_source && l->teacher_output >= 0)
            st = net->teacher_source->load(net, n, &teacher, err);
        if (!st && type->prepare && !n->is_blank) st = type->prepare(n, &said);
    }
    dnx_opts_free(dnx_teacher_options, &teacher);
    if (st && !said.status) return st;
    if (st && is_scaled)
        return dnx_fail_at(err, st, NULL, "%s (filters=%d * width_multiplier %g is %d)", said.text,
                           given, net->o.width_multiplier, *filters);
    if (st) return dnx_fail_at(err, st, NULL, "%s", said.text);
    if (dnx_size(n->out) == 0)
        return dnx_fail(err, DNX_ESHAPE, n->loc, "[%s] make() of this layer type sets no output",
                        type->name);
    if ((double)dnx_size(n->out) * n->batch > DNX_MAX_FLOATS)
        return dnx_fail(err, DNX_ESHAPE, n->loc, "[%s] %d x %d x %d x %d outputs are too many",
                        type->name, n->batch, n->out.h, n->out.w, n->out.c);
    if (n->scratch > net->plan.scratch_floats) net->plan.scratch_floats = n->scratch;
    if (sgd->exclusivity > 0 && n->trains && has_filters(net, n->index))
        net->sgd.has_exclusivity = true;
    if (common.exclusivity > 0 && !has_filters(net, n->index))
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[%s] exclusivity=%g: has no filters that overlap", type->name,
                        common.exclusivity);
    return DNX_OK;
}

static dnx_status note_places(dnx_net *net, const dnx_section *s, dnx_err *err) {
    net->origin.line = s->line;
    net->origin.places = calloc((size_t)s->n + 1, sizeof *net->origin.places);
    if (!net->origin.places) return dnx_no_memory(net->file, err);
    for (int i = 0; i < s->n; i++) {
        dnx_place *p = &net->origin.places[net->origin.n_places++];
        p->line = s->pairs[i].line;
        snprintf(p->key, sizeof p->key, "%.23s", s->pairs[i].key);
    }
    return DNX_OK;
}

/* Counts the frozen layers: all up to the last layer with stopbackward=1. */
static int count_frozen(const dnx_cfg *cfg) {
    int frozen = 0;
    for (int i = 1; i < cfg->n; i++) {
        const dnx_pair *p = dnx_opts_given(&cfg->sections[i], "stopbackward");
        if (p && atoi(p->value) == 1) frozen = i;
    }
    return frozen;
}

/* Returns into how many shares the threads divide their work. The bits of a result depend on this
 * number, because each share sums its gradients alone. Training with 64 images or more in a pass
 * has 8 shares, so 1 to 8 threads give the same bits. With fewer images there are fewer shares,
 * because the sums of each share cost memory and time. */
static int shares_of(const dnx_net *net) {
    int shares = !net->trains ? 1 : net->batch / 8 < 8 ? net->batch / 8 : 8;
    return shares > net->threads ? shares : net->threads;
}

/* Chooses the number of lanes (threads that take images through all layers alone) and the images of
 * a chunk. A large batch gets two chunks or more for each lane, so that a fast lane can take more
 * chunks than a slow lane. */
static void set_lanes(dnx_net *net, const dnx_cfg *cfg) {
    int threads = dnx_pool_threads(net->pool), batch = net->batch;
    size_t fit = CHUNK_FLOATS / (dnx_size(net->in) + 1);
    bool fits = !net->trains && threads > 1 && batch >= threads && !net->placement;
    for (int i = 1; i < cfg->n && fits; i++) {
        const dnx_layer_type *type = dnx_type_find(cfg->sections[i].name, net->more_types);
        fits = type && (type->is_reentrant || type->is_loss);
    }
    net->plan.lanes = fits ? threads : 1;
    net->chunk = net->trains || net->placement || (size_t)batch < fit ? batch
                 : fit > 0                                            ? (int)fit
                                                                      : 1;
    int each = batch / (2 * threads) > 0 ? batch / (2 * threads) : 1;
    if (fits && net->chunk > each) net->chunk = each;
}

dnx_status dnx_net_build(const dnx_cfg *cfg, const dnx_build *how, dnx_net **out, dnx_err *err) {
    const dnx_net *student = how->student;
    *out = NULL;
    if (cfg->n == 0 ||
        (strcmp(cfg->sections[0].name, "net") && strcmp(cfg->sections[0].name, "network")))
        return dnx_fail(err, DNX_EPARSE, (dnx_loc){cfg->file, cfg->n ? cfg->sections[0].line : 0},
                        "the first section must be [net]");
    if (cfg->n == 1) return dnx_fail_at(err, DNX_EPARSE, cfg->file, "the network has no layers");
    if (cfg->n > MAX_LAYERS)
        return dnx_fail_at(err, DNX_EPARSE, cfg->file, "more than %d sections", MAX_LAYERS);
    dnx_net *net = calloc(1, sizeof *net);
    if (!net) return dnx_no_memory(cfg->file, err);
    net->file = strdup(cfg->file);
    net->trains = how->trains;
    net->placement = student ? student->placement : how->placement;
    net->keeps_no_weights = how->keeps_no_weights && !net->placement;
    net->is_blank = how->is_blank;
    net->more_types = how->types;
    net->teacher_source = how->teachers;
    net->depth = student ? student->depth + 1 : 0;
    net->sgd.clip = 1;
    net->first_trained = net->trains ? count_frozen(cfg) : 0;
    net->nodes = calloc((size_t)cfg->n, sizeof *net->nodes);
    net->links = calloc((size_t)cfg->n, sizeof *net->links);
    net->plan.of = calloc((size_t)cfg->n, sizeof *net->plan.of);
    net->sgd.of = calloc((size_t)cfg->n, sizeof *net->sgd.of);
    int threads = how->threads > 0 ? how->threads : dnx_processors();
    threads = threads < 1 ? 1 : threads > 64 ? 64 : threads;
    net->threads = student ? student->threads : threads;
    dnx_status st = DNX_OK;
    if (!net->file || !net->nodes || !net->links || !net->plan.of || !net->sgd.of)
        st = dnx_no_memory(cfg->file, err);
    if (!st) st = note_places(net, &cfg->sections[0], err);
    if (!st) st = dnx_cfg_check_names(cfg, err);
    if (!st) st = net_options(net, &cfg->sections[0], err);
    net->batch = how->batch > 0 ? how->batch : st ? 1 : net->o.batch / net->o.subdivisions;
    net->pool = student ? student->pool : dnx_pool_new_shares(threads, shares_of(net));
    if (!st && !net->pool) st = dnx_fail_at(err, DNX_EMEM, cfg->file, "no memory or no threads");
    if (!st) set_lanes(net, cfg);
    if (!st && net->plan.lanes > 1 && !(net->plan.alone = dnx_pool_new(1)))
        st = dnx_fail_at(err, DNX_EMEM, cfg->file, "no memory or no threads");
    for (int i = 1; i < cfg->n && !st; i++) st = build_layer(net, &cfg->sections[i], err);
    if (!st) {
        dnx_net_fuse(net);
        st = dnx_net_allocate(net, err);
    }
    if (!st && !student) dnx_note_idle(net, cfg);
    if (!st && net->placement) st = net->placement->place(net, net->placement, err);
    if (st) dnx_net_free(net);
    else *out = net;
    return st;
}

void dnx_net_free(dnx_net *net) {
    if (!net) return;
    if (net->placed) net->placement->remove(net);
    for (int i = 0; i < net->n; i++) {
        dnx_node *n = &net->nodes[i];
        dnx_free_owned(n->memory);
        if (n->opts && n->type->options) dnx_opts_free(n->type->options, n->opts);
        free(n->opts);
        free(n->state);
        free(n->distillation);
    }
    if (net->teachers) net->teacher_source->close(net->teachers);
    if (net->depth == 0) dnx_pool_free(net->pool);
    dnx_pool_free(net->plan.alone);
    dnx_free(net->plan.outputs);
    dnx_free(net->plan.result);
    dnx_free(net->plan.deltas);
    dnx_free(net->plan.scratch);
    dnx_free(net->sgd.momentum);
    dnx_free(net->sgd.average);
    for (int i = 0; i < net->n; i++) free(net->links[i].name);
    dnx_notes_free(&net->origin.notes);
    free(net->origin.places);
    free(net->sgd.of);
    free(net->plan.of);
    free(net->nodes);
    free(net->links);
    free(net->file);
    free(net);
}
