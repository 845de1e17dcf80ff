/* opts.c - parses KEY=VALUE text into typed, checked fields. */
#include "net/opts.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/lines.h"

enum { MAX_WORD = 64, MAX_KEYS = 256 };

/* The key=value pair that a message is about, and the section of this pair. */
typedef struct {
    const dnx_section *s;
    const dnx_pair *p;
    const char *file;
    dnx_notes *notes; /* when NULL, an option given twice is an error */
    dnx_err *err;
} place;

/* Returns DNX_EOPTION with the message "[section] key=value: ...". */
__attribute__((format(printf, 2, 3))) static dnx_status wrong(const place *at, const char *fmt,
                                                              ...) {
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return dnx_fail(at->err, DNX_EOPTION, (dnx_loc){at->file, at->p->line},
                    "[%.40s] %.40s=%.60s: %s", at->s->name, at->p->key, at->p->value, text);
}

static dnx_status no_memory(const place *at) {
    return dnx_fail(at->err, DNX_EMEM, (dnx_loc){at->file, at->p->line}, "[%.40s] %.40s: no memory",
                    at->s->name, at->p->key);
}

static dnx_status out_of_range(const place *at, const dnx_opt *o, const char *what) {
    return wrong(at, "must be %s from %.10g to %.10g", what, o->min, o->max);
}

static bool to_number(const char *text, size_t len, double *v) {
    char buf[MAX_WORD];
    if (len >= sizeof buf) return false;
    memcpy(buf, text, len);
    buf[len] = 0;
    return dnx_decimal(buf, v) && isfinite((float)*v);
}

static dnx_status set_word(const place *at, const dnx_opt *o, int *field) {
    char text[256];
    size_t len = strlen(at->p->value), used = 0;
    int i = 0, length;
    for (const char *w = o->words; *w; w += *w != 0) {
        const char *start = w;
        w += strcspn(w, "|/");
        if ((size_t)(w - start) == len && !memcmp(start, at->p->value, len)) {
            *field = i;
            return DNX_OK;
        }
        i += *w == '|';
    }
    for (int k = 0; k <= i && used < sizeof text; k++) {
        const char *word = dnx_option_word(o->words, k, &length);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", k ? ", " : "", length,
                                 word);
    }
    return wrong(at, "must be one of %s", text);
}

static dnx_status unknown_layer(const place *at, const char *name) {
    const char *names[MAX_KEYS];
    const dnx_cfg *cfg = at->s->of;
    int n = 0;
    for (const dnx_section *s = cfg ? cfg->sections + 1 : NULL; s && s < at->s; s++) {
        const dnx_pair *p = dnx_opts_given(s, "name");
        if (p && n < MAX_KEYS) names[n++] = p->value;
    }
    const char *near = dnx_nearest(name, names, n);
    return wrong(at, "no layer before this one has the name '%s'%s%s%s", name,
                 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static dnx_status find_layer(const place *at, const char *text, size_t len, double *v) {
    char name[MAX_WORD];
    snprintf(name, sizeof name, "%.*s", (int)(len < sizeof name ? len : sizeof name), text);
    const dnx_cfg *cfg = at->s->of;
    int i = cfg ? dnx_cfg_named(cfg, name) : -1;
    if (i < 0) return unknown_layer(at, name);
    if (&cfg->sections[i] >= at->s)
        return wrong(at, "layer '%s' (line %d) does not come before this one", name,
                     cfg->sections[i].line);
    *v = i - 1;
    return DNX_OK;
}

static bool begins_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static dnx_status set_list(const place *at, const dnx_opt *o, dnx_list *list) {
    list->n = 0;
    for (const char *p = at->p->value;; p++) {
        size_t len, full;
        double v = 0;
        p += strspn(p, " \t");
        len = full = strcspn(p, ",");
        while (len && strchr(" \t", p[len - 1])) len--;
        if (o->type == DNX_LAYERS && begins_name(*p)) {
            dnx_status st = find_layer(at, p, len, &v);
            if (st) return st;
        } else if (!to_number(p, len, &v) || v < o->min || v > o->max)
            return out_of_range(at, o, "a list of numbers");
        if (list->n == DNX_MAX_LIST) return wrong(at, "must be a list of at most 64 numbers");
        list->v[list->n++] = (float)v;
        p += full;
        if (!*p) return DNX_OK;
    }
}

static dnx_status set_string(const place *at, char **field) {
    char *text = strdup(at->p->value);
    if (!text) return no_memory(at);
    free(*field);
    *field = text;
    return DNX_OK;
}

static dnx_status set_option(const place *at, const dnx_opt *o, void *out) {
    void *field = (char *)out + o->offset;
    const char *text = at->p->value;
    long i;
    double v;
    switch (o->type) {
    case DNX_INT:
        if (!dnx_whole(text, (long)o->min, (long)o->max, &i))
            return out_of_range(at, o, "a whole number");
        *(int *)field = (int)i;
        return DNX_OK;
    case DNX_FLOAT:
        if (!to_number(text, strlen(text), &v) || v < o->min || v > o->max)
            return out_of_range(at, o, "a number");
        *(float *)field = (float)v;
        return DNX_OK;
    case DNX_WORD: return set_word(at, o, field);
    case DNX_STRING: return set_string(at, field);
    case DNX_LIST:
    case DNX_LAYERS: return set_list(at, o, field);
    case DNX_IGNORED:
        dnx_note(at->notes, (dnx_loc){at->file, at->p->line}, "[%.40s] %.40s=%.60s: has no effect",
                 at->s->name, at->p->key, text);
        return DNX_OK;
    }
    return DNX_OK;
}

/* Sets the fields to their defaults. Returns false when memory runs out; a string may then be
 * NULL. */
static bool set_defaults(const dnx_opt *table, void *out) {
    bool ok = true;
    for (const dnx_opt *o = table; o && o->key; o++) {
        void *field = (char *)out + o->offset;
        switch (o->type) {
        case DNX_INT:
        case DNX_WORD: *(int *)field = (int)o->value; break;
        case DNX_FLOAT: *(float *)field = (float)o->value; break;
        case DNX_STRING:
            *(char **)field = o->words ? strdup(o->words) : NULL;
            ok = ok && (*(char **)field || !o->words);
            break;
        case DNX_IGNORED: break;
        case DNX_LIST:
        case DNX_LAYERS: *(dnx_list *)field = (dnx_list){0}; break;
        }
    }
    return ok;
}

static dnx_status unknown(const place *at, const dnx_opt *const *tables, int n) {
    const char *keys[MAX_KEYS];
    int k = 0;
    for (int t = 0; t < n; t++)
        for (const dnx_opt *o = tables[t]; o && o->key && k < MAX_KEYS; o++) keys[k++] = o->key;
    const char *near = dnx_nearest(at->p->key, keys, k);
    return near ? wrong(at, "no such option; did you mean '%s'?", near)
                : wrong(at, "no such option");
}

static dnx_status take_pairs(const dnx_opt *const *tables, void *const *outs, int n,
                             const dnx_section *s, const char *file, dnx_notes *notes,
                             dnx_err *err) {
    for (int i = 0; i < s->n; i++) {
        place at = {s, &s->pairs[i], file, notes, err};
        const dnx_pair *first = dnx_opts_given(s, at.p->key);
        if (first != at.p && notes) {
            if (!dnx_note(notes, (dnx_loc){file, at.p->line},
                          "[%.40s] %.40s=%.60s: given twice; libdarknet takes the first, on line "
                          "%d",
                          s->name, at.p->key, at.p->value, first->line))
                return no_memory(&at);
            if (!notes->twice) notes->twice = notes->text[notes->n - 1];
            continue;
        }
        if (first != at.p) return wrong(&at, "given twice; first on line %d", first->line);
        bool is_known = false;
        for (int t = 0; t < n; t++) {
            const dnx_opt *o = dnx_opt_find(tables[t], at.p->key);
            dnx_status st = o ? set_option(&at, o, outs[t]) : DNX_OK;
            if (st) return st;
            is_known |= o != NULL;
        }
        if (!is_known) return unknown(&at, tables, n);
    }
    return DNX_OK;
}

dnx_status dnx_opts_parse(const dnx_opt *const *tables, void *const *outs, int n,
                          const dnx_section *s, const char *file, dnx_notes *notes, dnx_err *err) {
    bool ok = true;
    for (int t = 0; t < n; t++) ok = set_defaults(tables[t], outs[t]) && ok;
    dnx_status st = ok ? take_pairs(tables, outs, n, s, file, notes, err)
                       : dnx_fail(err, DNX_EMEM, (dnx_loc){file, s->line}, "[%.40s] no memory",
                                  s->name);
    for (int t = 0; t < n && st; t++) dnx_opts_free(tables[t], outs[t]);
    return st;
}

void dnx_opts_free(const dnx_opt *table, void *opts) {
    if (!opts) return;
    for (const dnx_opt *o = table; o && o->key; o++) {
        if (o->type != DNX_STRING) continue;
        char **field = (char **)(void *)((char *)opts + o->offset);
        free(*field);
        *field = NULL;
    }
}

const dnx_pair *dnx_opts_given(const dnx_section *s, const char *key) {
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->pairs[i].key, key) == 0) return &s->pairs[i];
    return NULL;
}

/* Returns the edit distance of a and b. A swap of adjacent letters counts as one edit. Both texts
 * are shorter than MAX_WORD. */
static int distance(const char *a, const char *b) {
    int rows[3][MAX_WORD], na = (int)strlen(a), nb = (int)strlen(b);
    for (int i = 0; i <= na; i++) {
        int *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= nb; j++) {
            int best = i ? last[j - 1] + (a[i - 1] != b[j - 1]) : j;
            if (i && last[j] + 1 < best) best = last[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (is_swap && before[j - 2] + 1 < best) best = before[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[na % 3][nb];
}

const char *dnx_nearest(const char *w, const char *const *list, int n) {
    size_t len = strlen(w);
    if (len >= MAX_WORD) return NULL;
    int limit = len / 3 > 1 ? (int)(len / 3) : 1;
    const char *best = NULL;
    for (int i = 0; i < n; i++) {
        if (strlen(list[i]) >= MAX_WORD) continue;
        int d = distance(w, list[i]);
        if (d > limit || (best && d == limit)) continue;
        best = list[i];
        limit = d;
    }
    /* When no word is similar, takes a word that begins with w. */
    for (int i = 0; i < n && !best && len > 2; i++)
        if (!strncasecmp(w, list[i], len)) best = list[i];
    return best;
}

size_t dnx_opts_size(const dnx_opt *table) {
    while (table && table->key) table++;
    return table ? table->offset : 1;
}

void *dnx_opts_field(const dnx_node *n, const char *key) {
    const dnx_opt *o = dnx_opt_find(n->type->options, key);
    return o ? (char *)n->opts + o->offset : NULL;
}

const dnx_opt *dnx_opt_find(const dnx_opt *table, const char *key) {
    for (const dnx_opt *o = table; o && o->key; o++)
        if (!strcmp(o->key, key)) return o;
    return NULL;
}
