/* cfg.c - the parser of .cfg text. One core reads from memory; dnx_cfg_read only loads the file. */
#include "net/cfg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"

enum { MAX_BYTES = 16 << 20 }; /* also keeps every count below INT_MAX */

typedef struct {
    const char *p;
    size_t n;
} span;

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static span trim(span s) {
    while (s.n && is_space(s.p[0])) s.p++, s.n--;
    while (s.n && is_space(s.p[s.n - 1])) s.n--;
    return s;
}

/* A new string, of the span without any white space when `squeezes`. NULL: no memory. */
static char *copy(span s, bool squeezes) {
    char *out = malloc(s.n + 1);
    if (!out) return NULL;
    size_t k = 0;
    for (size_t i = 0; i < s.n; i++)
        if (!squeezes || !is_space(s.p[i])) out[k++] = s.p[i];
    out[k] = 0;
    return out;
}

/* Makes room for element n of an array that holds n; NULL: no memory, the old array stays. */
static void *grown(void *array, int n, size_t size) {
    if (n & (n - 1)) return array; /* capacities are powers of two */
    return realloc(array, (n ? 2 * (size_t)n : 1) * size);
}

static dnx_status no_memory(const char *file, int line, dnx_err *err) {
    return dnx_fail(err, DNX_EMEM, (dnx_loc){file, line}, "no memory");
}

static dnx_status add_section(dnx_cfg *cfg, span s, dnx_loc at, dnx_err *err) {
    int shown = s.n > 60 ? 60 : (int)s.n;
    if (s.p[s.n - 1] != ']')
        return dnx_fail(err, DNX_EPARSE, at, "'%.*s': a section's line must end with ']'", shown,
                        s.p);
    span name = trim((span){s.p + 1, s.n - 2});
    if (name.n == 0)
        return dnx_fail(err, DNX_EPARSE, at, "'%.*s': a section needs a name", shown, s.p);
    if (memchr(name.p, '[', name.n) || memchr(name.p, ']', name.n))
        return dnx_fail(err, DNX_EPARSE, at, "'%.*s': a section's name has no brackets", shown,
                        s.p);
    dnx_section *list = grown(cfg->sections, cfg->n, sizeof *list);
    if (!list) return no_memory(at.file, at.line, err);
    cfg->sections = list;
    char *text = copy(name, false);
    if (!text) return no_memory(at.file, at.line, err);
    list[cfg->n++] = (dnx_section){text, at.line, NULL, 0};
    return DNX_OK;
}

static dnx_status add_pair(dnx_cfg *cfg, span s, dnx_loc at, dnx_err *err) {
    int shown = s.n > 60 ? 60 : (int)s.n;
    const char *equals = memchr(s.p, '=', s.n);
    if (!equals)
        return dnx_fail(err, DNX_EPARSE, at, "'%.*s': a line must be [SECTION] or KEY=VALUE", shown,
                        s.p);
    if (cfg->n == 0)
        return dnx_fail(err, DNX_EPARSE, at, "'%.*s': an option must follow a [SECTION] line",
                        shown, s.p);
    dnx_section *to = &cfg->sections[cfg->n - 1];
    span key = trim((span){s.p, (size_t)(equals - s.p)});
    span value = trim((span){equals + 1, s.n - (size_t)(equals - s.p) - 1});
    if (key.n == 0)
        return dnx_fail(err, DNX_EPARSE, at, "[%.60s] '%.*s': no key before '='", to->name, shown,
                        s.p);
    if (value.n == 0)
        return dnx_fail(err, DNX_EPARSE, at, "[%.60s] '%.*s': no value after '='", to->name, shown,
                        s.p);
    dnx_pair *list = grown(to->pairs, to->n, sizeof *list);
    if (!list) return no_memory(at.file, at.line, err);
    to->pairs = list;
    dnx_pair pair = {copy(key, false), copy(value, true), at.line};
    if (!pair.key || !pair.value) {
        free(pair.key);
        free(pair.value);
        return no_memory(at.file, at.line, err);
    }
    list[to->n++] = pair;
    return DNX_OK;
}

static dnx_status parse_lines(dnx_cfg *cfg, const char *text, size_t len, const char *file,
                              dnx_err *err) {
    dnx_loc at = {file, 0};
    if (len > MAX_BYTES)
        return dnx_fail(err, DNX_EPARSE, at, "a cfg must be at most %d MB", MAX_BYTES >> 20);
    for (size_t i = 0; i < len;) {
        const char *end = memchr(text + i, '\n', len - i);
        span line = {text + i, end ? (size_t)(end - text) - i : len - i};
        i += line.n + 1;
        at.line++;
        if (line.n && memchr(line.p, 0, line.n))
            return dnx_fail(err, DNX_EPARSE, at, "a NUL byte; a cfg must be text");
        line = trim(line);
        if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';') continue;
        dnx_status st = line.p[0] == '[' ? add_section(cfg, line, at, err)
                                         : add_pair(cfg, line, at, err);
        if (st) return st;
    }
    if (cfg->n == 0)
        return dnx_fail(err, DNX_EPARSE, (dnx_loc){file, 0}, "no [SECTION] in this file");
    return DNX_OK;
}

dnx_status dnx_cfg_parse(const char *text, size_t len, const char *file, dnx_cfg **out,
                         dnx_err *err) {
    *out = NULL;
    dnx_cfg *cfg = calloc(1, sizeof *cfg);
    if (!cfg) return no_memory(file, 0, err);
    dnx_status st = DNX_OK;
    if (file && !(cfg->file = copy((span){file, strlen(file)}, false)))
        st = no_memory(file, 0, err);
    if (!st) st = parse_lines(cfg, text, len, file, err);
    if (st)
        dnx_cfg_free(cfg);
    else
        *out = cfg;
    return st;
}

/* All bytes of f into *text, which the caller frees also after an error. */
static dnx_status load(FILE *f, const char *path, char **text, size_t *len, dnx_err *err) {
    dnx_loc at = {path, 0};
    size_t room = 0;
    for (;;) {
        if (*len == room) {
            room = room ? 2 * room : 1 << 16;
            char *more = realloc(*text, room);
            if (!more) return no_memory(path, 0, err);
            *text = more;
        }
        errno = 0;
        size_t got = fread(*text + *len, 1, room - *len, f);
        *len += got;
        if (ferror(f)) return dnx_fail(err, DNX_EIO, at, "cannot be read: %s", strerror(errno));
        if (*len > MAX_BYTES)
            return dnx_fail(err, DNX_EIO, at, "a cfg must be at most %d MB", MAX_BYTES >> 20);
        if (got == 0) return DNX_OK;
    }
}

dnx_status dnx_cfg_read(const char *path, dnx_cfg **out, dnx_err *err) {
    *out = NULL;
    FILE *f = dnx_file_stream(path);
    if (!f)
        return dnx_fail(err, DNX_EIO, (dnx_loc){path, 0}, "cannot be opened: %s", strerror(errno));
    char *text = NULL;
    size_t len = 0;
    dnx_status st = load(f, path, &text, &len, err);
    fclose(f);
    if (!st) st = dnx_cfg_parse(text, len, path, out, err);
    free(text);
    return st;
}

dnx_status dnx_cfg_set(dnx_cfg *cfg, int i, const char *key, const char *value, dnx_err *err) {
    dnx_section *s = &cfg->sections[i];
    int k = 0;
    while (k < s->n && strcmp(s->pairs[k].key, key)) k++;
    char *new_value = strdup(value), *new_key = k == s->n ? strdup(key) : NULL;
    dnx_pair *more = k == s->n ? realloc(s->pairs, sizeof *more * (size_t)(k + 1)) : s->pairs;
    if (more) s->pairs = more;
    if (!new_value || !more || (k == s->n && !new_key)) {
        free(new_value);
        free(new_key);
        return dnx_fail(err, DNX_EMEM, (dnx_loc){cfg->file, 0}, "no memory");
    }
    if (k == s->n) s->pairs[s->n++] = (dnx_pair){new_key, NULL, s->line};
    free(s->pairs[k].value);
    s->pairs[k].value = new_value;
    return DNX_OK;
}

void dnx_cfg_free(dnx_cfg *cfg) {
    if (!cfg) return;
    for (int i = 0; i < cfg->n; i++) {
        dnx_section *s = &cfg->sections[i];
        for (int k = 0; k < s->n; k++) {
            free(s->pairs[k].key);
            free(s->pairs[k].value);
        }
        free(s->pairs);
        free(s->name);
    }
    free(cfg->sections);
    free(cfg->file);
    free(cfg);
}
