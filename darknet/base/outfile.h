/* outfile.h - writes files. Other processes see the old file or the complete new one.
 *
 * Bytes go to a temporary file PATH.PID.N.tmp beside the target; dnx_outfile_commit() renames it. A
 * symbolic link stays a link. The new file keeps the owner and permissions of the old one, if the
 * system allows it. dnx_outfile_open() fails when the target is read-only, lies in a read-only
 * folder, is an input of this process (inputs.h), or is not a regular file. */
#ifndef DNX_OUTFILE_H
#define DNX_OUTFILE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

typedef struct {
    FILE *file;
    char *path;
    char *target;    /* the file to replace, after symbolic links are followed */
    char *temporary; /* the temporary file, beside the target; NULL for a stream */
    int lock;        /* the descriptor that locks the temporary file, or -1 */
    bool is_of_many; /* one of many files that are synced together */
    bool is_partial; /* the temporary file stays after an error */
    size_t size;     /* bytes written */
    int why;         /* errno of the first failure, or 0 */
} dnx_outfile;

/* Checks that `path` can be written. Removes old temporary files that dead processes left beside
 * it. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_outfile_try(const char *path, dnx_err *err);
/* Like dnx_outfile_try(), but fails with DNX_EIO when the file exists and is not empty. */
dnx_status dnx_outfile_try_new(const char *path, dnx_err *err);
/* Returns true when both paths name the same file after symbolic links are followed. The file need
 * not exist. */
bool dnx_outfile_is_same(const char *a, const char *b);

/* Opens the temporary file of `path`. Call dnx_outfile_commit() or dnx_outfile_discard()
 * afterwards, but not when this function fails. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_outfile_open(dnx_outfile *f, const char *path, dnx_err *err);
/* Like dnx_outfile_open(), but writes directly to `path` when it is a pipe or a device. */
dnx_status dnx_outfile_stream(dnx_outfile *f, const char *path, dnx_err *err);
/* Like dnx_outfile_open(), but continues the temporary file PATH.partial. The caller can read the
 * bytes of earlier processes from f->file, and must hold a lock (lock.h) on PATH.
 * dnx_outfile_pause() closes f and keeps PATH.partial. */
dnx_status dnx_outfile_continue(dnx_outfile *f, const char *path, dnx_err *err);
void dnx_outfile_pause(dnx_outfile *f);
/* Appends n bytes. dnx_outfile_sync() and dnx_outfile_commit() report the errors. */
void dnx_outfile_put(dnx_outfile *f, const void *bytes, size_t n);
/* Flushes the file and syncs it to disk. A stream is only flushed. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_outfile_sync(dnx_outfile *f, dnx_err *err);
/* Syncs the temporary file, renames it to the target, syncs the folder and closes the file. After
 * an error, the old file is unchanged. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_outfile_commit(dnx_outfile *f, dnx_err *err);
/* Closes and removes the temporary file. The old file stays unchanged. */
void dnx_outfile_discard(dnx_outfile *f);

/* Writes a whole file of n bytes. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_outfile_write(const char *path, const void *bytes, size_t n, dnx_err *err);
/* Removes the temporary files BASE.PID.N.tmp of dead processes in a folder. The caller must hold a
 * lock on the files of the folder, because a file that another process has just opened may be
 * removed, too. */
void dnx_outfile_sweep(const char *folder);
/* Like dnx_outfile_write(), but does not sync the file: for thousands of files. Call
 * dnx_outfile_sync_many() after the last one. */
dnx_status dnx_outfile_write_of_many(const char *path, const void *bytes, size_t n, dnx_err *err);
/* Syncs the file system of a folder. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_outfile_sync_many(const char *folder, dnx_err *err);
#endif
