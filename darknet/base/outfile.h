/* outfile.h - writing a file that is there whole or not at all: as PATH.tmp, then renamed. */
#ifndef DNX_OUTFILE_H
#define DNX_OUTFILE_H
#include <stdio.h>

#include "dnx.h"

typedef struct {
    FILE *file;
    char *path, *temporary;
    size_t size; /* bytes put */
    int why;     /* errno of the first thing that failed; 0: nothing has */
} dnx_outfile;

/* Opens PATH.tmp. DNX_EIO: that cannot be, or PATH is there and no regular file. DNX_EMEM. After an
 * error there is nothing to close. */
dnx_status dnx_outfile_open(dnx_outfile *f, const char *path, dnx_err *err);
/* What cannot be written is told by sync and close. */
void dnx_outfile_put(dnx_outfile *f, const void *bytes, size_t n);
/* Brings all to the disk: after this only the renaming can fail. DNX_EIO. */
dnx_status dnx_outfile_sync(dnx_outfile *f, dnx_err *err);
/* Syncs and renames; with keep=false, and after an error, removes PATH.tmp instead. DNX_EIO. */
dnx_status dnx_outfile_close(dnx_outfile *f, bool keep, dnx_err *err);
#endif
