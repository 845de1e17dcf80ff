/* outfile.h - the one way to write a file: it is there whole or not at all.
 *
 * The bytes go to a temporary file PATH.PID.N.tmp beside the file, which commit() brings to the
 * disk and renames. A symbolic link stays: the file that it leads to is replaced, and keeps its
 * permissions. Refused with the reason: what is no regular file, a read-only file or folder, and
 * an input of this process (inputs.h). */
#ifndef DNX_OUTFILE_H
#define DNX_OUTFILE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

typedef struct {
    FILE *file;
    char *path;      /* as it was given */
    char *target;    /* the file that it leads to */
    char *temporary; /* beside the target; NULL: a stream */
    int lock;        /* a descriptor that keeps the temporary file locked; -1: none */
    bool is_of_many; /* not brought to the disk by itself */
    bool is_partial; /* the temporary file outlives errors: see dnx_outfile_continue() */
    size_t size;     /* bytes put */
    int why;         /* errno of the first thing that failed; 0: nothing has */
} dnx_outfile;

/* Whether `path` can be written now, for a command to ask before its work starts; nothing is left
 * behind. It also removes temporary files of `path` that dead processes have left. DNX_EIO: it
 * cannot; DNX_EMEM. */
dnx_status dnx_outfile_try(const char *path, dnx_err *err);
/* The same for a result that takes no other's place. DNX_EIO, "exists; -force replaces it": there
 * is a file already, and it is not empty. */
dnx_status dnx_outfile_try_new(const char *path, dnx_err *err);
/* Whether two paths lead to one file, which need not be there. */
bool dnx_outfile_is_same(const char *a, const char *b);

/* Opens the temporary file. DNX_EIO, DNX_EMEM: after an error there is nothing to close. Each file
 * that was opened ends by commit() or discard(). */
dnx_status dnx_outfile_open(dnx_outfile *f, const char *path, dnx_err *err);
/* The same, but a pipe or a device is written directly, as the bytes come. */
dnx_status dnx_outfile_stream(dnx_outfile *f, const char *path, dnx_err *err);
/* The same for a file that is long in the making: its temporary file is PATH.partial, and what an
 * earlier process left in it stays there for f->file to read and to go on with. The caller holds a
 * lock (lock.h) on PATH. pause() instead of commit() leaves it to the next process. */
dnx_status dnx_outfile_continue(dnx_outfile *f, const char *path, dnx_err *err);
void dnx_outfile_pause(dnx_outfile *f);
/* sync() and commit() report what cannot be written. */
void dnx_outfile_put(dnx_outfile *f, const void *bytes, size_t n);
/* Brings all to the disk: after this only the renaming can fail. DNX_EIO. */
dnx_status dnx_outfile_sync(dnx_outfile *f, dnx_err *err);
/* Syncs, renames and closes. DNX_EIO: the earlier file is as it was, the temporary one is gone. */
dnx_status dnx_outfile_commit(dnx_outfile *f, dnx_err *err);
/* Closes and removes the temporary file. */
void dnx_outfile_discard(dnx_outfile *f);

/* Writes a whole file of n bytes. DNX_EIO, DNX_EMEM. */
dnx_status dnx_outfile_write(const char *path, const void *bytes, size_t n, dnx_err *err);
/* Removes the temporary files that killed processes left in a folder. Only for whoever has the lock
 * on what is written there: another process that has just opened its file may lose it. */
void dnx_outfile_sweep(const char *folder);
/* The same for one of thousands, which are brought to the disk together: by sync_many(), before the
 * file that says that they are all there. */
dnx_status dnx_outfile_write_of_many(const char *path, const void *bytes, size_t n, dnx_err *err);
dnx_status dnx_outfile_sync_many(const char *folder, dnx_err *err);
#endif
