/* skipped_file.c - writes OUT.skipped. */
#include "cmd/skipped_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SHOWN = 20 };

char *dnx_skipped_file(const char *out) {
    char *path = malloc(strlen(out) + sizeof ".skipped");
    if (path) sprintf(path, "%s.skipped", out);
    return path;
}

dnx_status dnx_skipped_remove(const char *out, dnx_err *err) {
    const dnx_skipped none = {0};
    char *path = dnx_skipped_file(out);
    dnx_status st = path ? dnx_skipped_save(&none, path, err) : dnx_no_memory(out, err);
    free(path);
    return st;
}

dnx_status dnx_skipped_report(const dnx_skipped *skipped, const dnx_images *images, const char *out,
                              dnx_err *err) {
    const dnx_skipped *parts[] = {skipped, &images->left_out};
    dnx_skipped all = {0};
    bool ok = true;
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; ok && i < parts[k]->n; i++)
            ok = dnx_skipped_add_line(&all, parts[k]->line[i]);
    for (size_t i = 0; i < all.n && i < MOST_SHOWN; i++) fprintf(stderr, "%s\n", all.line[i]);
    if (all.n > MOST_SHOWN) fprintf(stderr, "... and %zu more\n", all.n - MOST_SHOWN);
    char *path = dnx_skipped_file(out);
    dnx_status st = ok && path ? dnx_skipped_save(&all, path, err) : dnx_no_memory(out, err);
    if (!st && parts[1]->n)
        fprintf(stderr, "%zu %s left out: %s names %s\n", parts[1]->n,
                dnx_plural(parts[1]->n, "file", "files"), path,
                dnx_plural(parts[1]->n, "it", "them"));
    dnx_skipped_free(&all);
    free(path);
    return st;
}

dnx_status dnx_skipped_fail(size_t skipped, size_t all, const char *out, dnx_err *err) {
    return dnx_fail_at(err, DNX_EIO, out, "%zu of %zu %s %s skipped: %s.skipped names %s", skipped,
                       all, dnx_plural(all, "image", "images"), dnx_plural(skipped, "was", "were"),
                       out, dnx_plural(skipped, "it", "them"));
}
