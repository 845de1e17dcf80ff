/* idle.c - finds options of a cfg that have no effect. */
#include "net/idle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/options.h"
#include "net/opts.h"

/* Options that have an effect only if another option has one of the given words. */
static const struct {
    const char *section, *key, *needs, *words;
} rules[] = {
    {"net", "steps", "policy", "steps"},
    {"net", "scales", "policy", "steps"},
    {"net", "step", "policy", "step|sigmoid"},
    {"net", "scale", "policy", "step"},
    {"net", "gamma", "policy", "exp|sigmoid"},
    {"net", "B1", "adam", "1"},
    {"net", "B2", "adam", "1"},
    {"net", "eps", "adam", "1"},
    {"margin_softmax", "keep", "mining", "hard"},
    {"margin_softmax", "focus", "mining", "focal"},
    {"margin_softmax", "teacher", "centres", "teacher|inherited"},
    {"margin_softmax", "weights", "centres", "teacher|inherited"},
    {"margin_softmax", "layer", "centres", "teacher|inherited"},
    {"margin_softmax", "flips", "centres", "teacher|inherited"},
    {"margin_softmax", "alpha", "centres", "teacher"},
    {"margin_softmax", "m_least", "margins", "teacher"},
    {"margin_softmax", "alpha_fixed", "alpha", "fixed"},
    {"margin_softmax", "s", "scale", "s"},
    {"margin_softmax", "s_start", "scale", "s"},
    {"margin_softmax", "m1", "margin", "combined"},
    {"margin_softmax", "m2", "margin", "combined"},
    {"margin_softmax", "m3", "margin", "combined"},
    {"margin_softmax", "t", "margin", "mv-am|mv-arc|sv-am|sv-arc"},
    {"kd_feature", "power", "hard", "power"},
    {"kd_feature", "hard_sharpness", "hard", "softmax"},
    {"kd_correlation", "gamma", "kernel", "gaussian"},
    {"kd_correlation", "order", "kernel", "gaussian"}};

static bool is_word(const char *words, const char *word) {
    size_t len = strlen(word);
    for (const char *w = words;; w++) {
        size_t n = strcspn(w, "|");
        if (n == len && !memcmp(w, word, n)) return true;
        if (!w[n]) return false;
        w += n;
    }
}

/* The default of an option as text; "" if the table does not have the option. */
static const char *default_of(const dnx_opt *table, const char *key, char *text, size_t size) {
    text[0] = 0;
    for (const dnx_opt *o = table; o && o->key; o++) {
        if (strcmp(o->key, key)) continue;
        if (o->type != DNX_WORD) snprintf(text, size, "%g", o->value);
        else {
            const char *w = o->words;
            for (int i = 0; i < (int)o->value; i++) w += strcspn(w, "|") + 1;
            snprintf(text, size, "%.*s", (int)strcspn(w, "|/"), w);
        }
    }
    return text;
}

static void note_pair(dnx_net *net, const dnx_section *s, const dnx_pair *p, const char *why) {
    dnx_note(&net->origin.notes, (dnx_loc){net->file, p->line},
             "[%.40s] %.40s=%.60s: has no effect %s", s->name, p->key, p->value, why);
}

static void apply_rules(dnx_net *net, const dnx_section *s, const char *section,
                        const dnx_opt *table) {
    char value[64], why[96];
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (strcmp(rules[i].section, section)) continue;
        const dnx_pair *p = dnx_opts_given(s, rules[i].key);
        const dnx_pair *needed = dnx_opts_given(s, rules[i].needs);
        if (!p) continue;
        const char *is = needed ? needed->value
                                : default_of(table, rules[i].needs, value, sizeof value);
        if (is_word(rules[i].words, is)) continue;
        snprintf(why, sizeof why, "without %s=%s", rules[i].needs, rules[i].words);
        note_pair(net, s, p, why);
    }
}

static bool has_option(const dnx_opt *table, const char *key) {
    for (const dnx_opt *o = table; o && o->key; o++)
        if (!strcmp(o->key, key)) return true;
    return false;
}

/* Options that every section may have, in a section where they have no effect. */
static void check_common(dnx_net *net, const dnx_section *s, int layer) {
    static const char *const of_weights[] = {"learning_rate", "decay"};
    const dnx_node *n = &net->nodes[layer];
    const dnx_pair *p = dnx_opts_given(s, "fixed_width"), *pad = dnx_opts_given(s, "pad");
    if (p && !has_option(n->type->options, "filters"))
        note_pair(net, s, p, "in a section without filters=");
    for (size_t i = 0; i < 2 && !dnx_net_params(net, layer, NULL); i++)
        if ((p = dnx_opts_given(s, of_weights[i])))
            note_pair(net, s, p, "in a layer without weights");
    p = dnx_opts_given(s, "padding");
    if (p && pad && atoi(pad->value) == 1 && has_option(n->type->options, "pad"))
        note_pair(net, s, p, "beside pad=1, which pads by size/2");
}

/* Notes inputs of different shapes, which libdarknet accepts without a message. */
static void check_shapes(dnx_net *net, const dnx_section *s, int layer) {
    const dnx_node *n = &net->nodes[layer];
    if (strcmp(n->type->name, "shortcut") || n->n_in < 2) return;
    dnx_shape a = n->in[0], b = n->in[1];
    if (!memcmp(&a, &b, sizeof a)) return;
    const dnx_pair *p = n->type->layers_key ? dnx_opts_given(s, n->type->layers_key) : NULL;
    dnx_note(&net->origin.notes, p ? (dnx_loc){net->file, p->line} : n->loc,
             "[%s] adds %d x %d x %d to %d x %d x %d: only a part is added", n->type->name, b.h,
             b.w, b.c, a.h, a.w, a.c);
}

/* An option that has one of these words, where two others stay at their defaults. */
static const struct {
    const char *section, *key, *words, *others[2], *text;
} unwise[] = {
    {"margin_softmax", "margin", "sphereface|a-softmax", {"warmup", "ramp_end"},
     "has no gradient at 90 degrees, where training starts, when m is even; use warmup= or "
     "ramp_end="}};

static void note_unwise(dnx_net *net, const dnx_section *s, const dnx_node *n) {
    for (size_t i = 0; i < sizeof unwise / sizeof *unwise && n->trains; i++) {
        if (strcmp(unwise[i].section, n->type->name)) continue;
        const dnx_pair *p = dnx_opts_given(s, unwise[i].key);
        bool is_met = p && is_word(unwise[i].words, p->value);
        for (int k = 0; k < 2 && is_met; k++) {
            char value[64];
            const char *key = unwise[i].others[k];
            const dnx_pair *given = dnx_opts_given(s, key);
            default_of(n->type->options, key, value, sizeof value);
            is_met = !given || strtod(given->value, NULL) == strtod(value, NULL);
        }
        if (is_met)
            dnx_note(&net->origin.notes, (dnx_loc){net->file, p->line},
                     "[%.40s] %.40s=%.60s: %s", s->name, p->key, p->value, unwise[i].text);
    }
}

void dnx_note_idle(dnx_net *net, const dnx_cfg *cfg) {
    apply_rules(net, &cfg->sections[0], "net", dnx_net_options);
    for (int i = 0; i < net->n; i++) {
        const dnx_section *s = &cfg->sections[i + 1];
        apply_rules(net, s, net->nodes[i].type->name, net->nodes[i].type->options);
        check_common(net, s, i);
        check_shapes(net, s, i);
        note_unwise(net, s, &net->nodes[i]);
    }
}
