/* describe.c - lists the parsed options of a network as text. */
#include "net/describe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/options.h"
#include "net/rate.h"

typedef struct {
    dnx_describe_fn *fn;
    void *arg;
    char prefix[80];
} sink;

static void word(const char *words, int i, char *out) {
    int length;
    const char *at = dnx_option_word(words, i, &length);
    snprintf(out, DNX_DESCRIBE_MOST, "%.*s", length, at);
}

/* Writes v with the fewest digits that give the same float. */
static void number(float v, char *out, size_t size) {
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(out, size, "%.*g", digits, (double)v);
        if (strtof(out, NULL) == v) return;
    }
}

static void list(const dnx_list *l, char *out) {
    size_t used = 0;
    *out = 0;
    for (int i = 0; i < l->n && used < DNX_DESCRIBE_MOST - 20; i++) {
        if (i) out[used++] = ',';
        number(l->v[i], out + used, DNX_DESCRIBE_MOST - used);
        used += strlen(out + used);
    }
}

static void value_of(const dnx_opt *o, const void *field, char *out) {
    switch (o->type) {
    case DNX_INT: snprintf(out, DNX_DESCRIBE_MOST, "%d", *(const int *)field); break;
    case DNX_FLOAT: number(*(const float *)field, out, DNX_DESCRIBE_MOST); break;
    case DNX_WORD: word(o->words, *(const int *)field, out); break;
    case DNX_LIST:
    case DNX_LAYERS: list(field, out); break;
    case DNX_IGNORED: *out = 0; break;
    case DNX_STRING: {
        const char *s = *(char *const *)field;
        snprintf(out, DNX_DESCRIBE_MOST, "%s", s ? s : "");
    }
    }
}

void dnx_option_default(const dnx_opt *o, char *out) {
    const int i = (int)o->value;
    const float f = (float)o->value;
    const dnx_list none = {0};
    switch (o->type) {
    case DNX_INT:
    case DNX_WORD: value_of(o, &i, out); break;
    case DNX_FLOAT: value_of(o, &f, out); break;
    case DNX_LIST:
    case DNX_LAYERS: value_of(o, &none, out); break;
    case DNX_IGNORED: *out = 0; break;
    case DNX_STRING: value_of(o, &o->words, out);
    }
}

static void put_option(const sink *s, const char *key, const char *value, const char *usual) {
    char full[200];
    snprintf(full, sizeof full, "%s%s%s", s->prefix, *key && *s->prefix ? " " : "", key);
    s->fn(s->arg, full, value, usual);
}

static void put_number(const sink *s, const char *key, float value, float usual) {
    char text[32], normal[32];
    number(value, text, sizeof text);
    number(usual, normal, sizeof normal);
    put_option(s, key, text, normal);
}

static void put_options(const sink *s, const dnx_opt *table, const void *opts, const char *but) {
    char value[DNX_DESCRIBE_MOST], usual[DNX_DESCRIBE_MOST];
    for (const dnx_opt *o = table; o && o->key; o++) {
        if (but && !strcmp(o->key, but)) continue;
        value_of(o, (const char *)opts + o->offset, value);
        dnx_option_default(o, usual);
        put_option(s, o->key, value, usual);
    }
}

void dnx_net_describe(const dnx_net *net, dnx_describe_fn *fn, void *arg) {
    sink s = {fn, arg, "[net]"};
    put_options(&s, dnx_net_options, &net->o, dnx_rate_ends(&net->o) ? NULL : "max_batches");
    for (int i = 0; i < net->n; i++) {
        const dnx_node *n = &net->nodes[i];
        const dnx_layer_sgd *l = &net->sgd.of[i];
        snprintf(s.prefix, sizeof s.prefix, "layer %d", i);
        put_option(&s, "", n->type->name, NULL);
        snprintf(s.prefix, sizeof s.prefix, "layer %d [%s]", i, n->type->name);
        put_number(&s, "learning_rate", l->rate, 1);
        put_number(&s, "decay", l->decay, 1);
        put_number(&s, "exclusivity", l->exclusivity, net->o.exclusivity);
        if (i + 1 == net->first_trained) put_option(&s, "stopbackward", "1", "0");
        put_options(&s, n->type->options, n->opts, NULL);
    }
}

void dnx_layer_describe(const dnx_node *n, dnx_describe_fn *fn, void *arg) {
    put_options(&(sink){fn, arg, ""}, n->type->options, n->opts, NULL);
}
