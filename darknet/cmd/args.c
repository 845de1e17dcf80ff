/* args.c - parses a command line, which a table describes, into the fields of a struct. */
#include "cmd/args.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/lines.h"
#include "cmd/cmd.h"
#include "net/options.h"
#include "net/opts.h"

typedef struct {
    const dnx_verb *v;
    char *out;
    bool is_given[DNX_MOST_ARGS];
    char *const *word; /* the n words of the command line; word[next] is the next to parse */
    int n, next;
} parser;

static bool is_option(const char *word) { return word[0] == '-' && word[1]; }

bool dnx_is_help(const char *word) {
    return !strcmp(word, "-h") || !strcmp(word, "-help") || !strcmp(word, "--help");
}

bool dnx_args_have_help(int argc, char *const *argv) {
    for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)
        if (dnx_is_help(argv[i])) return true;
    return false;
}

int dnx_wrong(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "darknet: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    return 2;
}

static int with_usage(const parser *p, int status) {
    dnx_print_usage(stderr, p->v);
    return status;
}

/* Like dnx_wrong(), then prints the usage of p's verb. */
#define wrong(p, ...) with_usage(p, dnx_wrong(__VA_ARGS__))

static int set_int(const parser *p, const dnx_arg *a, const char *text) {
    long v;
    if (!dnx_whole(text, (long)a->min, (long)a->max, &v))
        return wrong(p, "%s %s: must be a whole number from %.0f to %.0f", a->name, text, a->min,
                     a->max);
    *(int *)(void *)(p->out + a->offset) = (int)v;
    return 0;
}

static int set_number(const parser *p, const dnx_arg *a, const char *text) {
    double v;
    if (!dnx_decimal(text, &v) || !(v > a->min && v <= a->max))
        return wrong(p, "%s %s: must be a number above %.10g, at most %.10g", a->name, text, a->min,
                     a->max);
    *(double *)(void *)(p->out + a->offset) = v;
    return 0;
}

/* Writes "a|b|c" as "a, b or c". */
static void list_words(const char *words, char *text, size_t size) {
    size_t k = 0;
    for (const char *w = words; *w && k + 5 < size; w++) {
        const char *more = *w != '|' ? NULL : strchr(w + 1, '|') ? ", " : " or ";
        if (more) k += (size_t)snprintf(text + k, size - k, "%s", more);
        else text[k++] = *w;
    }
    text[k] = 0;
}

static int set_word(const parser *p, const dnx_arg *a, const char *text) {
    char words[300];
    size_t len = strlen(text);
    int i = 0;
    for (const char *w = a->value;; w += strcspn(w, "|") + 1, i++) {
        size_t n = strcspn(w, "|");
        if (n == len && !memcmp(w, text, n)) {
            *(int *)(void *)(p->out + a->offset) = i;
            return 0;
        }
        if (!w[n]) break;
    }
    list_words(a->value, words, sizeof words);
    return wrong(p, "%s %s: must be %s", a->name, text, words);
}

static int set(const parser *p, const dnx_arg *a, const char *text) {
    switch (a->type) {
    case DNX_ARG_IS_INT: return set_int(p, a, text);
    case DNX_ARG_IS_NUMBER: return set_number(p, a, text);
    case DNX_ARG_IS_WORD: return set_word(p, a, text);
    case DNX_ARG_IS_FLAG: *(bool *)(void *)(p->out + a->offset) = true; return 0;
    case DNX_ARG_IS_TEXT:
    case DNX_ARG_IS_TWO: *(const char **)(void *)(p->out + a->offset) = text; return 0;
    }
    return 0;
}

static void set_defaults(const parser *p) {
    memset(p->out, 0, p->v->size);
    for (const dnx_arg *a = p->v->args; a->name; a++) {
        void *field = p->out + a->offset;
        if (a->type == DNX_ARG_IS_INT || a->type == DNX_ARG_IS_WORD) *(int *)field = (int)a->none;
        if (a->type == DNX_ARG_IS_NUMBER) *(double *)field = a->none;
    }
}

/* Returns the next word, the value of option a. When the word is missing or cannot be a value,
 * prints a message and returns NULL. */
static const char *take_value(parser *p, const dnx_arg *a) {
    double v;
    const bool wants_number = a->type == DNX_ARG_IS_INT || a->type == DNX_ARG_IS_NUMBER;
    const char *text = p->next < p->n ? p->word[p->next++] : NULL;
    if (!text) wrong(p, "%s needs a value: %s", a->name, a->value);
    else if (is_option(text) && !dnx_decimal(text, &v) &&
             !(wants_number && strchr(".0123456789", text[1]))) {
        bool is_file = a->type == DNX_ARG_IS_TEXT || a->type == DNX_ARG_IS_TWO;
        wrong(p, "%s needs a value: %s; '%s' begins with '-'%s%s", a->name, a->value, text,
              is_file ? ", a file of that name is ./" : "", is_file ? text : "");
        text = NULL;
    }
    return text;
}

/* Returns the option of [net] with this name or these initials ("lr": learning_rate), or NULL. */
static const dnx_opt *option_of_net(const char *name) {
    for (const dnx_opt *o = dnx_net_options; o->key; o++) {
        const char *second = strchr(o->key, '_');
        const char initials[] = {o->key[0], second ? second[1] : 0, 0};
        if (!strcmp(o->key, name) || (second && !strcmp(initials, name))) return o;
    }
    return NULL;
}

static int unknown(const parser *p, const char *word) {
    const char *names[DNX_MOST_ARGS];
    char name[64];
    int n = 0;
    bool has_net = false;
    size_t len = strcspn(word, "=");
    for (const dnx_arg *a = p->v->args; a->name; a++) {
        if (is_option(a->name)) names[n++] = a->name;
        has_net = has_net || !strcmp(a->name, "net.cfg");
    }
    snprintf(name, sizeof name, "%.*s", (int)(len < 60 ? len : 60), word);
    const char *near = dnx_nearest(name, names, n);
    const char *value = near && word[len] ? word + len + 1 : NULL;
    if (near)
        return wrong(p, "%s has no option %s; did you mean %s%s%s?", p->v->name, word, near,
                     value ? " " : "", value ? value : "");
    const dnx_opt *o = has_net ? option_of_net(name + 1) : NULL;
    if (o) return wrong(p, "%s has no option %s; [net] has %s=", p->v->name, word, o->key);
    return wrong(p, "%s has no option %s", p->v->name, word);
}

static int take_option(parser *p, const char *word) {
    const dnx_arg *a = p->v->args;
    while (a->name && strcmp(a->name, word)) a++;
    if (!a->name) return unknown(p, word);
    if (p->is_given[a - p->v->args]) return wrong(p, "%s is given twice", word);
    p->is_given[a - p->v->args] = true;
    if (a->type == DNX_ARG_IS_FLAG) return set(p, a, word);
    const char *text = take_value(p, a);
    int status = text ? set(p, a, text) : 2;
    if (status || a->type != DNX_ARG_IS_TWO) return status;
    if (!(text = take_value(p, a))) return 2;
    ((const char **)(void *)(p->out + a->offset))[1] = text;
    return 0;
}

static int take_place(parser *p, const char *word) {
    int places = 0;
    for (const dnx_arg *a = p->v->args; a->name; a++) {
        if (is_option(a->name)) continue;
        places++;
        if (p->is_given[a - p->v->args]) continue;
        p->is_given[a - p->v->args] = true;
        return set(p, a, word);
    }
    if (!places) return wrong(p, "%s takes no argument '%s'", p->v->name, word);
    return wrong(p, "%s takes no more than %d %s; '%s' is one too many", p->v->name, places,
                 dnx_plural((size_t)places, "argument", "arguments"), word);
}

static int find_missing(const parser *p) {
    for (const dnx_arg *a = p->v->args; a->name; a++) {
        if (!a->is_needed || p->is_given[a - p->v->args]) continue;
        bool is_named = is_option(a->name);
        if (!is_named) return wrong(p, "%s: the argument %s is missing", p->v->name, a->name);
        return wrong(p, "%s: %s %s is missing", p->v->name, a->name, a->value);
    }
    return 0;
}

int dnx_args_parse(const dnx_verb *v, int argc, char *const *argv, void *out) {
    parser p = {.v = v, .out = out, .word = argv, .n = argc};
    bool is_ended = false;
    int status = 0;
    set_defaults(&p);
    while (!status && p.next < p.n) {
        const char *word = p.word[p.next++];
        if (!is_ended && !strcmp(word, "--")) is_ended = true;
        else if (!is_ended && is_option(word)) status = take_option(&p, word);
        else status = take_place(&p, word);
    }
    return status ? status : find_missing(&p);
}
