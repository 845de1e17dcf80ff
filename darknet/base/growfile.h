/* growfile.h - a file that is written in place, at its end. An incomplete last line can be cut off.
 * Programs such as `tail -f` can follow the file. They could not follow a file of outfile.h, which
 * appears only when it is complete. */
#ifndef DNX_GROWFILE_H
#define DNX_GROWFILE_H
#include <stddef.h>

#include "base/err.h"

typedef struct {
    int fd;      /* -1 before the first dnx_growfile_add() */
    size_t kept; /* bytes of the file that are final */
} dnx_growfile;

/* Writes n bytes after the first f->kept bytes, and makes the file when it is missing. Sets *done
 * to the number of bytes written, also after an error. Error: DNX_EIO. */
dnx_status dnx_growfile_add(dnx_growfile *f, const char *path, const void *bytes, size_t n,
                            size_t *done, dnx_err *err);
/* Declares the next n bytes final: adds n to f->kept, and cuts off all later bytes. Error:
 * DNX_EIO. */
dnx_status dnx_growfile_keep(dnx_growfile *f, const char *path, size_t n, dnx_err *err);
void dnx_growfile_close(dnx_growfile *f);
#endif
