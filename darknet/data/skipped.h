/* skipped.h - a list of the files that a command did not use, with the reasons. */
#ifndef DNX_SKIPPED_H
#define DNX_SKIPPED_H
#include "dnx.h"

typedef struct {
    char **line;
    size_t n, capacity;
} dnx_skipped;

/* Adds the line "NAME: WHY". Returns false when memory runs out. */
bool dnx_skipped_add(dnx_skipped *s, const char *name, const char *why);
/* Adds a copy of a complete line. Returns false when memory runs out. */
bool dnx_skipped_add_line(dnx_skipped *s, const char *line);
/* Writes all lines to a file. If there are no lines, removes an old file instead. Errors: DNX_EIO,
 * DNX_EMEM. */
dnx_status dnx_skipped_save(const dnx_skipped *s, const char *path, dnx_err *err);
void dnx_skipped_free(dnx_skipped *s);
#endif
