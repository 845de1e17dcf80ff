/* record.c - lists of keys and values: converts them to text and back, and compares them. */
#include "train/record.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static char *clean(char *s) {
    for (char *c = s; c && *c; c++)
        if ((unsigned char)*c < 32 || *c == 127) *c = '?';
    return s;
}

static dnx_entry *append(dnx_record *r, char *key, char *value, char *usual) {
    if (!key || !value || !dnx_grow(&r->entry, (size_t)r->n, &r->capacity, sizeof *r->entry)) {
        free(key);
        free(value);
        free(usual);
        r->failed = true;
        return NULL;
    }
    r->entry[r->n] = (dnx_entry){clean(key), clean(value), usual, false};
    return &r->entry[r->n++];
}

void dnx_record_add(dnx_record *r, const char *key, const char *value, const char *usual) {
    append(r, strdup(key), strdup(value), usual ? strdup(usual) : NULL);
}

static dnx_entry *put(dnx_record *r, const char *key, const char *format, va_list args) {
    char *value = NULL;
    if (vasprintf(&value, format, args) < 0) value = NULL;
    return append(r, strdup(key), value, NULL);
}

void dnx_record_put(dnx_record *r, const char *key, const char *format, ...) {
    va_list args;
    va_start(args, format);
    put(r, key, format, args);
    va_end(args);
}

void dnx_record_remark(dnx_record *r, const char *key, const char *format, ...) {
    va_list args;
    va_start(args, format);
    dnx_entry *e = put(r, key, format, args);
    va_end(args);
    if (e) e->is_remark = true;
}

const char *dnx_record_get(const dnx_record *r, const char *key) {
    for (int i = 0; i < r->n; i++)
        if (!strcmp(r->entry[i].key, key)) return r->entry[i].value;
    return NULL;
}

bool dnx_record_is(const dnx_record *r, const char *key, const char *value) {
    const char *is = dnx_record_get(r, key);
    return !strcmp(is ? is : "", value);
}

static bool is_usual(const dnx_entry *e) { return e->usual && !strcmp(e->usual, e->value); }

char *dnx_record_text(const dnx_record *r) {
    size_t capacity = 1, used = 0;
    for (int i = 0; i < r->n; i++)
        capacity += strlen(r->entry[i].key) + strlen(r->entry[i].value) + 2;
    char *text = r->failed ? NULL : malloc(capacity);
    if (!text) return NULL;
    *text = 0;
    for (int i = 0; i < r->n; i++)
        if (!is_usual(&r->entry[i]))
            used += (size_t)sprintf(text + used, "%s=%s\n", r->entry[i].key, r->entry[i].value);
    return text;
}

void dnx_record_parse(dnx_record *r, const char *text) {
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        const char *sign = memchr(line, '=', len);
        if (sign)
            append(r, strndup(line, (size_t)(sign - line)),
                   strndup(sign + 1, len - (size_t)(sign - line) - 1), NULL);
        line += len + (line[len] == '\n');
    }
}

void dnx_record_free(dnx_record *r) {
    for (int i = 0; i < r->n; i++) {
        free(r->entry[i].key);
        free(r->entry[i].value);
        free(r->entry[i].usual);
    }
    free(r->entry);
    *r = (dnx_record){0};
}

/* ---- comparing ---- */

/* Returns the entry of r with the key of e, or NULL. Begins the search at index `at`, because two
 * records list their keys in nearly the same order. */
static const dnx_entry *find(const dnx_record *r, int at, const dnx_entry *e) {
    for (int k = 0; k < r->n; k++)
        if (!strcmp(r->entry[(at + k) % r->n].key, e->key)) return &r->entry[(at + k) % r->n];
    return NULL;
}

bool dnx_record_compare(const dnx_record *was, const dnx_record *is, dnx_differs_fn *differs,
                        void *arg) {
    if (was->failed || is->failed) return false;
    for (int i = 0; i < is->n; i++) {
        const dnx_entry *now = &is->entry[i], *before = find(was, i, now);
        const char *value = before ? before->value : now->usual ? now->usual : "";
        if (strcmp(value, now->value)) differs(arg, now->key, value, now->value, now->is_remark);
    }
    for (int i = 0; i < was->n; i++) {
        const dnx_entry *before = &was->entry[i];
        if (!find(is, i, before)) differs(arg, before->key, before->value, "", false);
    }
    return true;
}
