/* trainable.c - checks that a network, with its images, can be trained. */
#include "train/trainable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/batches.h"
#include "data/sampler.h"
#include "net/rate.h"

/* ---- the network ---- */

static dnx_status check_options(const dnx_net *net, dnx_err *err) {
    const dnx_net_opts *o = &net->o;
    const struct {
        bool is_wrong;
        const char *key, *rule;
    } rules[] = {
        {o->adam != 0, "adam", "adam=1: only /usr/bin/darknet trains with Adam"},
        {o->time_steps > 1, "time_steps",
         "time_steps: only /usr/bin/darknet trains over time steps"},
        {o->momentum >= 1, "momentum", "momentum=1: must be below 1 to train"},
        {o->clip != 0, "clip", "clip: this version trains without it; remove it"},
        {o->random != 0, "random", "random: this version trains without it; remove it"},
        {o->notruth != 0, "notruth", "notruth: this version trains without it; remove it"},
        {o->policy == DNX_POLY && !o->max_batches, "policy", "policy=poly: needs max_batches="},
        {o->policy == DNX_COSINE && o->max_batches <= o->burn_in, "policy",
         "policy=cosine: needs max_batches= above burn_in="}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].is_wrong)
            return dnx_fail(err, DNX_EOPTION, dnx_net_at(net, rules[i].key), "[net] %s",
                            rules[i].rule);
    return DNX_OK;
}

static dnx_status check_steps(const dnx_net *net, dnx_err *err) {
    const dnx_list *steps = &net->o.steps;
    if (net->o.policy != DNX_STEPS) return DNX_OK;
    for (int i = 0; i < steps->n; i++) {
        float v = steps->v[i];
        if (v < 0)
            return dnx_fail(err, DNX_EOPTION, dnx_net_at(net, "steps"),
                            "[net] steps=: must be from 0 on to train, but one is %.0f", (double)v);
        if (v != (float)(int)v)
            return dnx_fail(err, DNX_EOPTION, dnx_net_at(net, "steps"),
                            "[net] steps=: must be whole numbers, but one is %g", (double)v);
        if (i && v <= steps->v[i - 1])
            return dnx_fail(err, DNX_EOPTION, dnx_net_at(net, "steps"),
                            "[net] steps=: must rise, but %.0f comes after %.0f", (double)v,
                            (double)steps->v[i - 1]);
    }
    return DNX_OK;
}

/* Refuses batch norm over a single value: the normalised value is always 0, without a gradient. */
static dnx_status check_batch_norm(dnx_net *net, dnx_err *err) {
    dnx_param list[DNX_MAX_PARAMS];
    for (int i = net->first_trained; i < net->n; i++) {
        const dnx_node *n = &net->nodes[i];
        if (net->batch != 1 || n->out.h * n->out.w != 1) continue;
        for (int k = 0, count = dnx_net_params(net, i, list); k < count; k++)
            if (list[k].role == DNX_VARIANCE && list[k].count == (size_t)n->out.c)
                return dnx_fail(err, DNX_ESHAPE, n->loc,
                                "[%s] batch norm over one value learns nothing: batch/subdivisions "
                                "is 1 and the output 1 x 1",
                                n->type->name);
    }
    return DNX_OK;
}

dnx_status dnx_trainable(dnx_net *net, dnx_err *err) {
    const dnx_node *last = &net->nodes[net->n - 1];
    dnx_status st = check_options(net, err);
    if (!st) st = check_steps(net, err);
    if (st) return st;
    /* An option is given twice: libdarknet uses the first value, but the user may mean the
     * second. */
    if (net->origin.notes.twice)
        return dnx_fail_at(err, DNX_EOPTION, NULL, "%s", net->origin.notes.twice);
    if (!last->type->is_loss)
        return dnx_fail(err, DNX_ESHAPE, last->loc,
                        "[%s] is the last layer: a network that trains must end in a loss",
                        last->type->name);
    size_t floats = 0;
    for (int i = net->first_trained; i < net->n; i++) floats += dnx_net_count(net, i);
    if (!floats)
        return dnx_fail_at(
            err, DNX_EOPTION, net->file,
            "nothing would be trained: no layer that is left by stopbackward=1 has weights");
    st = check_batch_norm(net, err);
    return st ? st : dnx_batches_check_net(net, err);
}

/* ---- the images ---- */

/* Sets *with_images to the number of classes that have images, and *has_two to true when a class
 * has two images. Returns false without memory. */
static bool look_at_classes(const dnx_data *data, bool *has_two, int *with_images) {
    int *count = calloc((size_t)data->o.classes + 1, sizeof *count), found = 0;
    *has_two = false;
    for (size_t i = 0; count && i < data->n; i++) {
        if (data->class_of[i] < 0) continue;
        int images = ++count[data->class_of[i]];
        found += images == 1;
        *has_two = *has_two || images == 2;
    }
    *with_images = found;
    free(count);
    return count;
}

/* Checks that the batch/subdivisions images of a pass can have what a metric loss learns from: two
 * images of one class and an image of another class. */
static dnx_status check_pairs(const dnx_net *net, const dnx_node *n, const dnx_data *data,
                              dnx_err *err) {
    bool has_two;
    int with_images;
    if (net->batch < 2)
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[%s] learns from two images of a class, but batch/subdivisions is 1",
                        n->type->name);
    if (net->o.sampler == DNX_BALANCED && net->o.images < 2)
        return dnx_fail(
            err, DNX_EOPTION, n->loc,
            "[%s] learns from two images of a class, but [net] images=%d shows one of each",
            n->type->name, net->o.images);
    if (!look_at_classes(data, &has_two, &with_images))
        return dnx_fail(err, DNX_EMEM, n->loc, "no memory");
    if (with_images < 2)
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[%s] compares images of two classes, but those of %s have one",
                        n->type->name, data->file);
    if (!has_two && net->o.sampler == DNX_PERMUTATION)
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[%s] learns from two images of a class, but no class of %s has two",
                        n->type->name, data->file);
    return DNX_OK;
}

enum { ANY_NUMBER = 1 << 30 }; /* classes() returns it when a loss takes any number of classes */

/* Returns the number of classes of a loss, or 0 when the layer does not learn from classes. */
static int classes_of(const dnx_node *n) {
    const dnx_classifier *c = n->type->classifier;
    if (!dnx_learns_classes(n->type) && !(c && c->needs_labels)) return 0;
    return c && c->classes ? c->classes(n) : (int)dnx_size(n->out);
}

void dnx_classes_note(const dnx_net *net, const dnx_data *data, char *text, size_t size) {
    bool has_two;
    int with_images;
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < net->n && !used && data->o.classes; i++) {
        const dnx_node *n = &net->nodes[i];
        const int most = classes_of(n);
        if (most > data->o.classes && most < ANY_NUMBER)
            used = (size_t)snprintf(text, size, "%.200s:%d: [%s] has %d classes, but %.200s has %d",
                                    n->loc.file, n->loc.line, n->type->name, most, data->file,
                                    data->o.classes);
    }
    if (!look_at_classes(data, &has_two, &with_images)) return;
    const int none = data->o.classes - with_images;
    if (none > 0)
        snprintf(text + used, size - used, "%s%.300s: images of %d of %d classes: %d %s",
                 used ? "\n" : "", data->file, with_images, data->o.classes, none,
                 dnx_plural((size_t)none, "class never occurs", "classes never occur"));
}

static dnx_status check_classes(const dnx_net *net, const dnx_data *data, dnx_err *err) {
    const int classes = data->o.classes;
    dnx_status st;
    for (int i = 0; i < net->n; i++) {
        const dnx_node *n = &net->nodes[i];
        const dnx_classifier *c = n->type->classifier;
        const int most = classes_of(n);
        if (!most) continue;
        if (!classes)
            return dnx_fail(err, DNX_EOPTION, n->loc, "[%s] learns from classes, but %s has none",
                            n->type->name, data->file);
        if (c && c->needs_pairs && (st = check_pairs(net, n, data, err))) return st;
        if (classes > most)
            return dnx_fail(err, DNX_ESHAPE, n->loc, "[%s] has %d classes, but %s has %d",
                            n->type->name, most, data->file, classes);
    }
    return DNX_OK;
}

dnx_status dnx_trainable_on(dnx_net *net, const dnx_data *data, int batches, dnx_err *err) {
    dnx_status st = dnx_trainable(net, err);
    if (st) return st;
    if (!batches && !net->o.max_batches)
        return dnx_fail(err, DNX_EOPTION, dnx_net_at(net, "max_batches"),
                        "[net] needs max_batches=, or the command -batches");
    if (dnx_rate_ends(&net->o) && batches > net->o.max_batches)
        return dnx_fail(err, DNX_EOPTION, dnx_net_at(net, "max_batches"),
                        "[net] policy=%s: the rate is 0 from max_batches=%d on, so -batches %d "
                        "would train nothing after it; raise max_batches",
                        net->o.policy == DNX_POLY ? "poly" : "cosine", net->o.max_batches, batches);
    st = check_classes(net, data, err);
    return st ? st : dnx_batches_check(data, net, err);
}

/* ---- the memory ---- */

/* Adds up the sizes of the arrays. The memory in use would be too small a number, because the
 * system provides the pages of most arrays only when training first writes to them. */
double dnx_training_bytes(dnx_net *net) {
    double bytes = (double)dnx_net_memory(net);
    for (int i = 0; i < net->n; i++)
        bytes += sizeof(float) * (double)(net->nodes[i].allocated +
                                          dnx_net_count(net, i) * (net->o.ema > 0 ? 2 : 1));
    return bytes;
}

static double memory_of_machine(void) {
    double most = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE), limit;
    FILE *f = fopen("/sys/fs/cgroup/memory.max", "r");
    if (f && fscanf(f, "%lf", &limit) == 1 && limit > 0 && limit < most) most = limit;
    if (f) fclose(f);
    return most;
}

dnx_status dnx_training_fits(dnx_net *net, dnx_err *err) {
    double all = dnx_training_bytes(net), most = memory_of_machine();
    if (all <= most) return DNX_OK;
    return dnx_fail(err, DNX_EMEM, dnx_net_at(net, "batch"),
                    "[net] batch=%d subdivisions=%d: training takes %.1f GB, there are %.1f; raise "
                    "subdivisions",
                    net->o.batch, net->o.subdivisions, all * 1e-9, most * 1e-9);
}
