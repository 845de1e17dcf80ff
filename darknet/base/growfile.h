/* growfile.h - a file that is written in place. Bytes are added at its end, and those that turn out
 * to be incomplete are cut off again. Readers such as `tail -f` can follow it, which they cannot
 * with outfile.h. */
#ifndef DNX_GROWFILE_H
#define DNX_GROWFILE_H
#include <stddef.h>

#include "base/err.h"

typedef struct {
    int fd;      /* -1 before the first dnx_growfile_add() */
    size_t kept; /* bytes of the file that are final */
} dnx_growfile;

/* Writes n bytes after the kept ones, and makes the file when it is missing. Always sets *done to
 * the number of bytes that the file has of them: less than n after an error, DNX_EIO. */
dnx_status dnx_growfile_add(dnx_growfile *f, const char *path, const void *bytes, size_t n,
                            size_t *done, dnx_err *err);
/* Keeps n more bytes of the file, and cuts off the others. Error: DNX_EIO. */
dnx_status dnx_growfile_keep(dnx_growfile *f, const char *path, size_t n, dnx_err *err);
void dnx_growfile_close(dnx_growfile *f);
#endif
