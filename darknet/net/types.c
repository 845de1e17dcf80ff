/* types.c - finds layer types by name. */
#include "net/types.h"

#include <string.h>

#include "net/opts.h"
#include "registry.h"

enum { MAX_NAMES = 256 };

bool dnx_is_one_of(const char *words, const char *word, size_t n) {
    while (words) {
        if (strcspn(words, "|") == n && !memcmp(words, word, n)) return true;
        words = strchr(words, '|');
        if (words) words++;
    }
    return false;
}

static const dnx_layer_type *find(const char *name, const dnx_layer_type *const *types) {
    for (; types && *types; types++)
        if (!strcmp((*types)->name, name) || dnx_is_one_of((*types)->aliases, name, strlen(name)))
            return *types;
    return NULL;
}

const dnx_layer_type *dnx_type_find(const char *name, const dnx_layer_type *const *more) {
    const dnx_layer_type *type = find(name, dnx_layer_types);
    return type ? type : find(name, more);
}

static int add_names(const dnx_layer_type *const *types, const char **names, int n) {
    for (; types && *types && n < MAX_NAMES; types++) names[n++] = (*types)->name;
    return n;
}

dnx_status dnx_type_unknown(const dnx_section *s, const char *file,
                            const dnx_layer_type *const *more, dnx_err *err) {
    static const char host_only[] = "crnn|iseg|deconvolutional|deconv";
    const char *names[MAX_NAMES];
    int n = add_names(more, names, add_names(dnx_layer_types, names, 0));
    const char *near = dnx_nearest(s->name, names, n);
    dnx_loc at = {file, s->line};
    if (dnx_is_one_of(host_only, s->name, strlen(s->name)))
        return dnx_fail(err, DNX_EOPTION, at,
                        "[%s]: is not built in; only /usr/bin/darknet runs it", s->name);
    if (near)
        return dnx_fail(err, DNX_EOPTION, at, "[%s]: no such section; did you mean [%s]?", s->name,
                        near);
    const bool is_net = !strcmp(s->name, "net") || !strcmp(s->name, "network");
    return dnx_fail(err, DNX_EOPTION, at, "[%s]: no such section%s", s->name,
                    is_net ? " after the first" : "; `make LAYERS=FOLDER` builds in your own");
}
