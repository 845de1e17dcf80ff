/* idle.c - finds options of a cfg that have no effect or are probably a mistake. */
#include "net/idle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer/advice.h"
#include "net/describe.h"
#include "net/options.h"
#include "net/opts.h"
#include "net/types.h"

/* Options of [net] that have an effect only with a certain value of another option. */
static const dnx_needs of_net[] = {
    {"steps|scales", "policy", "steps"}, {"step", "policy", "step|sigmoid"},
    {"scale", "policy", "step"},         {"gamma", "policy", "exp|sigmoid"},
    {"B1|B2|eps", "adam", "1"},          {NULL, NULL, NULL}};

static void note_pair(dnx_net *net, const dnx_section *s, const dnx_pair *p, const char *why) {
    dnx_note(&net->origin.notes, (dnx_loc){net->file, p->line},
             "[%.40s] %.40s=%.60s: has no effect %s", s->name, p->key, p->value, why);
}

/* Adds a note for each given option of r->keys, unless option r->needs has a value of r->words. */
static void note_needs(dnx_net *net, const dnx_section *s, const dnx_needs *r,
                       const dnx_opt *table) {
    char value[DNX_DESCRIBE_MOST] = "", why[96], key[64];
    const dnx_pair *other = dnx_opts_given(s, r->needs);
    const dnx_opt *o = dnx_opt_find(table, r->needs);
    if (o) dnx_option_default(o, value);
    const char *has = other ? other->value : value;
    if (dnx_is_one_of(r->words, has, strlen(has))) return;
    snprintf(why, sizeof why, "without %s=%s", r->needs, r->words);
    for (const char *k = r->keys; *k; k += strspn(k, "|")) {
        size_t len = strcspn(k, "|");
        snprintf(key, sizeof key, "%.*s", (int)len, k);
        k += len;
        const dnx_pair *p = dnx_opts_given(s, key);
        if (p) note_pair(net, s, p, why);
    }
}

static void check_common(dnx_net *net, const dnx_section *s, int layer) {
    static const char *const of_weights[] = {"learning_rate", "decay"};
    const dnx_node *n = &net->nodes[layer];
    const dnx_pair *p = dnx_opts_given(s, "fixed_width"), *pad = dnx_opts_given(s, "pad");
    if (p && !dnx_opt_find(n->type->options, "filters"))
        note_pair(net, s, p, "in a section without filters=");
    for (size_t i = 0; i < 2 && !dnx_net_params(net, layer, NULL); i++)
        if ((p = dnx_opts_given(s, of_weights[i])))
            note_pair(net, s, p, "in a layer without weights");
    p = dnx_opts_given(s, "padding");
    if (p && pad && atoi(pad->value) == 1 && dnx_opt_find(n->type->options, "pad"))
        note_pair(net, s, p, "beside pad=1, which pads by size/2");
}

static void note_doubts(dnx_net *net, const dnx_section *s, const dnx_node *n) {
    char text[200];
    const dnx_advice *a = n->type->advice;
    const char *key = a->doubts ? a->doubts(n, text, sizeof text) : NULL;
    const dnx_pair *p = key ? dnx_opts_given(s, key) : NULL;
    if (p)
        dnx_note(&net->origin.notes, (dnx_loc){net->file, p->line}, "[%.40s] %.40s=%.60s: %s",
                 s->name, p->key, p->value, text);
    else if (key) dnx_note(&net->origin.notes, n->loc, "[%.40s] %.40s: %s", s->name, key, text);
}

void dnx_note_idle(dnx_net *net, const dnx_cfg *cfg) {
    for (const dnx_needs *r = of_net; r->keys; r++)
        note_needs(net, &cfg->sections[0], r, dnx_net_options);
    for (int i = 0; i < net->n; i++) {
        const dnx_section *s = &cfg->sections[i + 1];
        const dnx_node *n = &net->nodes[i];
        const dnx_advice *a = n->type->advice;
        for (const dnx_needs *r = a ? a->needs : NULL; r && r->keys; r++)
            note_needs(net, s, r, n->type->options);
        check_common(net, s, i);
        if (a) note_doubts(net, s, n);
    }
}
