/* cfg.c - the parser of .cfg text. */
#include "net/cfg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/lines.h"
#include "net/opts.h"

enum { MAX_BYTES = 16 << 20 }; /* so that every count fits an int */

static dnx_status no_memory(const char *file, int line, dnx_err *err) {
    return dnx_fail(err, DNX_EMEM, (dnx_loc){file, line}, "no memory");
}

static dnx_status add_section(dnx_cfg *cfg, char *line, dnx_loc at, dnx_err *err) {
    size_t n = strlen(line);
    if (line[n - 1] != ']')
        return dnx_fail(err, DNX_EPARSE, at, "'%.60s': a section's line must end with ']'", line);
    if (strspn(line + 1, " \t\v\f") == n - 2)
        return dnx_fail(err, DNX_EPARSE, at, "'%.60s': a section needs a name", line);
    if (strchr(line + 1, '[') || strchr(line, ']') != line + n - 1)
        return dnx_fail(err, DNX_EPARSE, at, "'%.60s': a section's name has no brackets", line);
    line[n - 1] = 0;
    dnx_section *list = realloc(cfg->sections, sizeof *list * ((size_t)cfg->n + 1));
    if (!list) return no_memory(at.file, at.line, err);
    cfg->sections = list;
    char *text = strdup(dnx_trim(line + 1));
    if (!text) return no_memory(at.file, at.line, err);
    list[cfg->n++] = (dnx_section){text, at.line, NULL, 0, cfg};
    return DNX_OK;
}

static dnx_status add_pair(dnx_cfg *cfg, char *line, dnx_loc at, dnx_err *err) {
    char *equals = strchr(line, '=');
    if (!equals)
        return dnx_fail(err, DNX_EPARSE, at, "'%.60s': a line must be [SECTION] or KEY=VALUE",
                        line);
    if (cfg->n == 0)
        return dnx_fail(err, DNX_EPARSE, at, "'%.60s': an option must follow a [SECTION] line",
                        line);
    dnx_section *to = &cfg->sections[cfg->n - 1];
    if (equals == line)
        return dnx_fail(err, DNX_EPARSE, at, "[%.60s] '%.60s': no key before '='", to->name, line);
    if (!equals[1])
        return dnx_fail(err, DNX_EPARSE, at, "[%.60s] '%.60s': no value after '='", to->name, line);
    dnx_pair *list = realloc(to->pairs, sizeof *list * ((size_t)to->n + 1));
    if (!list) return no_memory(at.file, at.line, err);
    to->pairs = list;
    *equals = 0;
    dnx_pair pair = {strdup(dnx_trim(line)), strdup(dnx_trim(equals + 1)), at.line};
    if (!pair.key || !pair.value) {
        free(pair.key);
        free(pair.value);
        return no_memory(at.file, at.line, err);
    }
    list[to->n++] = pair;
    return DNX_OK;
}

static dnx_status parse_lines(dnx_cfg *cfg, dnx_lines *l, dnx_err *err) {
    for (char *line; (line = dnx_lines_next(l, "#;"));) {
        dnx_comment_cut(line);
        line = dnx_trim(line);
        dnx_status st = *line == '[' ? add_section(cfg, line, dnx_lines_at(l), err)
                                     : add_pair(cfg, line, dnx_lines_at(l), err);
        if (st) return st;
    }
    if (cfg->n == 0) return dnx_fail_at(err, DNX_EPARSE, l->file, "no [SECTION] in this file");
    return DNX_OK;
}

/* Parses l and frees it, also after an error. */
static dnx_status parse(dnx_lines *l, dnx_cfg **out, dnx_err *err) {
    dnx_cfg *cfg = calloc(1, sizeof *cfg);
    dnx_status st = DNX_OK;
    if (!cfg || (l->file && !(cfg->file = strdup(l->file)))) st = no_memory(l->file, 0, err);
    if (!st) st = parse_lines(cfg, l, err);
    if (st) dnx_cfg_free(cfg);
    else *out = cfg;
    dnx_lines_free(l);
    return st;
}

dnx_status dnx_cfg_parse(const char *text, size_t len, const char *file, dnx_cfg **out,
                         dnx_err *err) {
    dnx_lines l;
    *out = NULL;
    if (len > MAX_BYTES)
        return dnx_fail_at(err, DNX_EPARSE, file, "a cfg must be at most %d MB", MAX_BYTES >> 20);
    dnx_status st = dnx_lines_copy(&l, text, len, file, "a cfg", err);
    return st ? st : parse(&l, out, err);
}

dnx_status dnx_cfg_read(const char *path, dnx_cfg **out, dnx_err *err) {
    dnx_lines l;
    *out = NULL;
    dnx_status st = dnx_lines_open(&l, path, "a cfg", MAX_BYTES, err);
    return st ? st : parse(&l, out, err);
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
        return dnx_no_memory(cfg->file, err);
    }
    if (k == s->n) s->pairs[s->n++] = (dnx_pair){new_key, NULL, s->line};
    free(s->pairs[k].value);
    s->pairs[k].value = new_value;
    return DNX_OK;
}

/* Returns the option classes= of a section if its value is auto, else NULL. */
static const dnx_pair *classes_auto(const dnx_section *s) {
    const dnx_pair *p = dnx_opts_given(s, "classes");
    return p && !strcmp(p->value, "auto") ? p : NULL;
}

bool dnx_cfg_asks_classes(const dnx_cfg *cfg) {
    for (int i = 0; i < cfg->n; i++)
        if (classes_auto(&cfg->sections[i])) return true;
    return false;
}

dnx_status dnx_cfg_set_classes(dnx_cfg *cfg, int n, dnx_err *err) {
    char text[16];
    snprintf(text, sizeof text, "%d", n);
    for (int i = 0; i < cfg->n; i++) {
        const dnx_pair *p = classes_auto(&cfg->sections[i]);
        if (!p) continue;
        if (n < 1)
            return dnx_fail(
                err, DNX_EOPTION, (dnx_loc){cfg->file, p->line},
                "[%.40s] classes=auto: the number is known only with the images: write it here, "
                "or give check, init or bench -data FILE",
                cfg->sections[i].name);
        dnx_status st = dnx_cfg_set(cfg, i, "classes", text, err);
        if (st) return st;
    }
    return DNX_OK;
}

int dnx_cfg_named(const dnx_cfg *cfg, const char *name) {
    for (int i = 1; i < cfg->n; i++) {
        const dnx_pair *p = dnx_opts_given(&cfg->sections[i], "name");
        if (p && !strcmp(p->value, name)) return i;
    }
    return -1;
}

static bool is_name(const char *s) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    size_t len = strlen(s), head = strspn(s, letters);
    if (!head || len > 63) return false;
    for (size_t i = head; i < len; i++)
        if (!strchr(letters, s[i]) && !strchr("0123456789.-", s[i])) return false;
    return true;
}

dnx_status dnx_cfg_check_names(const dnx_cfg *cfg, dnx_err *err) {
    for (int i = 1; i < cfg->n; i++) {
        const dnx_pair *p = dnx_opts_given(&cfg->sections[i], "name");
        if (!p) continue;
        dnx_loc at = {cfg->file, p->line};
        if (!is_name(p->value))
            return dnx_fail(err, DNX_EOPTION, at,
                            "[%.40s] name=%.60s: must be a letter or '_', then letters, digits, "
                            "'_', '.' or '-', at most 63",
                            cfg->sections[i].name, p->value);
        int first = dnx_cfg_named(cfg, p->value);
        if (first < i)
            return dnx_fail(err, DNX_EOPTION, at,
                            "[%.40s] name=%s: layer %d on line %d has this name already",
                            cfg->sections[i].name, p->value, first - 1,
                            dnx_opts_given(&cfg->sections[first], "name")->line);
    }
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
