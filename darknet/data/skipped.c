/* skipped.c - a list of skipped files and the reasons. */
#include "data/skipped.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/outfile.h"

/* Adds an allocated line, which s then owns. Frees the line and returns false on failure. */
static bool take(dnx_skipped *s, char *line) {
    if (!line || !dnx_grow(&s->line, s->n, &s->capacity, sizeof *s->line)) {
        free(line);
        return false;
    }
    s->line[s->n++] = line;
    return true;
}

bool dnx_skipped_add(dnx_skipped *s, const char *name, const char *why) {
    char *line;
    return take(s, asprintf(&line, "%s: %s", name, why) < 0 ? NULL : line);
}

bool dnx_skipped_add_line(dnx_skipped *s, const char *line) { return take(s, strdup(line)); }

dnx_status dnx_skipped_save(const dnx_skipped *s, const char *path, dnx_err *err) {
    dnx_outfile f;
    if (!s->n) {
        if (!unlink(path) || errno == ENOENT) return DNX_OK;
        return dnx_fail_at(err, DNX_EIO, path, "cannot remove: %s", strerror(errno));
    }
    dnx_status st = dnx_outfile_open(&f, path, err);
    if (st) return st;
    for (size_t i = 0; i < s->n; i++) {
        dnx_outfile_put(&f, s->line[i], strlen(s->line[i]));
        dnx_outfile_put(&f, "\n", 1);
    }
    return dnx_outfile_commit(&f, err);
}

void dnx_skipped_free(dnx_skipped *s) {
    for (size_t i = 0; i < s->n; i++) free(s->line[i]);
    free(s->line);
    *s = (dnx_skipped){0};
}
