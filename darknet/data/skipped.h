/* skipped.h - what was left out of some work, and why: for a file of its own, so that nothing is
 * dropped unseen. */
#ifndef DNX_SKIPPED_H
#define DNX_SKIPPED_H
#include "dnx.h"

typedef struct {
    char **line;
    size_t n, room;
} dnx_skipped;

/* Adds the line "NAME: WHY". false: no memory. */
bool dnx_skipped_add(dnx_skipped *s, const char *name, const char *why);
/* Adds a message as it is. */
bool dnx_skipped_add_line(dnx_skipped *s, const char *line);
/* Writes all lines into a file; when there are none, removes the file that an earlier run left.
 * DNX_EIO, DNX_EMEM. */
dnx_status dnx_skipped_save(const dnx_skipped *s, const char *path, dnx_err *err);
void dnx_skipped_free(dnx_skipped *s);
#endif
