/* netron.c - writes a cfg that Netron's reader of Darknet files (source/darknet.js) understands.
 *
 * Netron shows no shapes after the first section that it does not know. So each layer is written as
 * sections that Netron knows. Some sections need an input shape that Netron does not compute.
 * Before such a section we insert an [upsample] with stride=1: this section only copies, and Netron
 * computes its shape. */
#include "net/netron.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer/view.h"
#include "net/describe.h"
#include "net/types.h"

/* Sections that Netron knows; Netron's names, not ours. Netron computes output shapes only for the
 * sections in KNOWN. For a section in LOSES_LENGTH, Netron does not compute the length of the flat
 * output. For a section in LOSES_MAP, it does not compute the height and width. A section in
 * NEEDS_LENGTH or NEEDS_MAP must follow a section for which Netron has computed this length or this
 * height and width. */
#define KNOWN                                                                                      \
    "activation|avgpool|batchnorm|connected|convolutional|cost|crop|detection|dropout|"            \
    "gru|local|lstm|maxpool|region|reorg|rnn|route|sam|scale_channels|shortcut|"                   \
    "softmax|upsample|yolo"
#define LOSES_LENGTH "batchnorm|activation|route"
#define LOSES_MAP "connected|softmax|rnn|gru|lstm|cost|region|detection"
#define NEEDS_LENGTH "connected|softmax|rnn|gru|lstm|cost|region|detection|dropout"
#define NEEDS_MAP "convolutional|maxpool|avgpool|crop|local"
#define NAMES_FROM "shortcut|sam|scale_channels" /* from= names the second input */
#define JOINS "route"                            /* layers= names all inputs */

static bool is(const dnx_shown *s, const char *names) {
    return dnx_is_one_of(names, s->section, strlen(s->section));
}

typedef struct {
    FILE *f;
    const char *but; /* an option to skip; may be NULL */
} option_sink;

static void put_option(void *arg, const char *key, const char *value, const char *usual) {
    const option_sink *to = arg;
    bool is_usual = usual && !strcmp(value, usual);
    if (!is_usual && *value && !(to->but && !strcmp(key, to->but)))
        fprintf(to->f, "%s=%s\n", key, value);
}

/* Shows the layer by its own section, with the options that differ from their defaults. */
static void keep(const dnx_node *n, dnx_view *v) {
    char *text = NULL;
    size_t size;
    option_sink to = {open_memstream(&text, &size), n->type->layers_key};
    if (to.f) dnx_layer_describe(n, put_option, &to);
    if (!to.f || fclose(to.f)) v->no_memory = true;
    else dnx_show(v, n->type->name, v->from, n->n_in, n->out, "%s", text);
    free(text);
}

static void replace(const dnx_node *n, dnx_view *v) {
    dnx_shape in = n->in[0], out = n->out;
    dnx_convolution view;
    if (dnx_as_convolution(n, &view)) {
        dnx_show_convolution(v, v->from[0], out, &view, "");
        return;
    }
    if (n->type->is_loss) {
        dnx_show(v, "cost", v->from, 1, out, "type=%s\n", n->type->name);
        return;
    }
    if (in.h == out.h && in.w == out.w && in.c == out.c) {
        dnx_show(v, "activation", v->from, 1, out, "activation=%s\n", n->type->name);
        return;
    }
    int cut = dnx_show(v, "crop", v->from, 1, (dnx_shape){out.h, out.w, in.c},
                       "crop_height=%d\ncrop_width=%d\n", out.h, out.w);
    const dnx_convolution c = {.size = 1, .stride = 1, .groups = 1};
    dnx_show_convolution(v, cut, out, &c, "");
}

/* Adds the sections of all layers to v. Sets last[i] to the section that has the output of layer
 * i. */
static void fill(const dnx_net *net, dnx_view *v, int *last) {
    for (int i = 0; i < net->n && !v->no_memory; i++) {
        const dnx_node *n = &net->nodes[i];
        v->layer = i;
        for (int k = 0; k < n->n_in; k++) v->from[k] = n->from[k] < 0 ? -1 : last[n->from[k]];
        const dnx_description *d = n->type->description;
        if (d && d->show) d->show(n, v);
        else if (dnx_is_one_of(KNOWN, n->type->name, strlen(n->type->name))) keep(n, v);
        else replace(n, v);
        last[i] = v->n - 1;
    }
}

typedef struct {
    FILE *f;
    const dnx_net *net;
    const dnx_view *v;
    int *number; /* for each section of the view: its number in the file */
    int image;   /* number of the section that copies the image, or -1 */
    int n;       /* sections in the file */
} writer;

static int number_of(const writer *w, int section) {
    return section < 0 ? w->image : w->number[section];
}

static void put_note(const writer *w, const dnx_shown *s, const char *more) {
    const char *name = w->net->links[s->layer].name;
    fprintf(w->f, "\n# layer %d [%s]%s%s%s\n", s->layer, w->net->nodes[s->layer].type->name,
            name ? " " : "", name ? name : "", more);
}

static void put_helper(writer *w, const dnx_shown *s, const char *section, int layers) {
    put_note(w, s, ", its input");
    fprintf(w->f, "[%s]\n", section);
    if (layers >= 0) fprintf(w->f, "layers=%d\n", layers);
    else fprintf(w->f, "stride=1\n");
    w->n++;
}

/* Writes options of a section. Netron's name for hswish is h_swish. */
static void put_options(const writer *w, const char *options) {
    const char *word = strstr(options, "activation=hswish\n");
    int before = word ? (int)(word - options) : (int)strlen(options);
    fprintf(w->f, "%.*s", before, options);
    if (word) fprintf(w->f, "activation=h_swish\n%s", strchr(word, '\n') + 1);
}

static void put(writer *w, int i) {
    const dnx_shown *s = &w->v->list[i];
    int first = s->from[0], at = number_of(w, first);
    if (!is(s, JOINS)) {
        const dnx_shown *before = first < 0 ? NULL : &w->v->list[first];
        bool is_routed = at != w->n - 1;
        if (is_routed) put_helper(w, s, JOINS, at);
        if ((is(s, NEEDS_LENGTH) && (is_routed || (before && is(before, LOSES_LENGTH)))) ||
            (is(s, NEEDS_MAP) && !is_routed && before && is(before, LOSES_MAP)))
            put_helper(w, s, "upsample", -1);
    }
    put_note(w, s, "");
    fprintf(w->f, "[%s]\n", s->section);
    for (int k = 0; k < s->n && is(s, JOINS); k++)
        fprintf(w->f, "%s%d%s", k ? "," : "layers=", number_of(w, s->from[k]),
                k + 1 == s->n ? "\n" : "");
    if (is(s, NAMES_FROM) && s->n > 1) fprintf(w->f, "from=%d\n", number_of(w, s->from[1]));
    put_options(w, s->options);
    w->number[i] = w->n++;
}

/* True when a section other than the first reads the image. Options of a section cannot name the
 * image, so the file then begins with a section that copies it. */
static bool reads_image_later(const dnx_view *v) {
    for (int i = 0; i < v->n; i++)
        for (int k = 0; k < v->list[i].n; k++)
            if (v->list[i].from[k] < 0 && (i || k || is(&v->list[i], JOINS))) return true;
    return false;
}

static void put_all(writer *w) {
    dnx_shape in = w->net->in;
    fprintf(w->f,
            "# For Netron, to look at. The remark above a section is the layer that it is "
            "made from.\n\n[net]\nheight=%d\nwidth=%d\nchannels=%d\n",
            in.h, in.w, in.c);
    w->image = -1;
    if (reads_image_later(w->v)) {
        fprintf(w->f, "\n# the image\n[upsample]\nstride=1\n");
        w->image = w->n++;
    }
    for (int i = 0; i < w->v->n; i++) put(w, i);
}

dnx_status dnx_netron_cfg(const dnx_net *net, char **text, int *sections, dnx_err *err) {
    dnx_view v = {0};
    size_t size;
    int *last = calloc((size_t)net->n, sizeof *last);
    if (last) fill(net, &v, last);
    else v.no_memory = true;
    free(last);
    writer w = {.net = net, .v = &v, .number = calloc((size_t)v.n + 1, sizeof *w.number)};
    *text = NULL;
    w.f = w.number && !v.no_memory ? open_memstream(text, &size) : NULL;
    if (w.f) put_all(&w);
    bool ok = w.f && !fclose(w.f);
    *sections = w.n;
    free(w.number);
    dnx_view_free(&v);
    if (ok) return DNX_OK;
    free(*text);
    *text = NULL;
    return dnx_no_memory(net->file, err);
}
