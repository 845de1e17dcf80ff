/* outfile.h - writes files. Other processes see the old file or the complete new one.
 *
 * Bytes go to a temporary file PATH.PID.N.tmp beside the target; dnx_outfile_commit() syncs it to
 * disk and renames it. A symbolic link stays a link: the file that it points to is replaced. The
 * new file keeps the owner and permissions of the old one, if the system allows it. Opening fails
 * for a target that is not a regular file, a read-only file or folder, and an input of this process
 * (inputs.h). */
#ifndef DNX_OUTFILE_H
#define DNX_OUTFILE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

typedef struct {
    FILE *file;
    char *path;      /* as the caller gave it */
    char *target;    /* the file to replace, after following symbolic links */
    char *temporary; /* beside the target; NULL for a stream */
    int lock;        /* locks the temporary file: a descriptor, or -1 */
    bool is_of_many; /* true in dnx_outfile_write_of_many(): not synced */
    bool is_partial; /* true in dnx_outfile_continue(): an error keeps the temporary file */
    size_t size;     /* bytes written */
    int why;         /* errno of the first failure, or 0 */
} dnx_outfile;

/* Checks that `path` can be written; commands call it before they start their work. Leaves no new
 * file, and removes temporary files of `path` that dead processes wrote over a minute ago. DNX_EIO,
 * DNX_EMEM. */
dnx_status dnx_outfile_try(const char *path, dnx_err *err);
/* Like dnx_outfile_try(), for a result that must not replace a file. DNX_EIO, "exists; -force
 * replaces it", when a file of this name exists and is not empty. */
dnx_status dnx_outfile_try_new(const char *path, dnx_err *err);
/* Returns true when two paths, after symbolic links, are one name in one folder. The file need not
 * exist. */
bool dnx_outfile_is_same(const char *a, const char *b);

/* Opens the temporary file of `path`. Call dnx_outfile_commit() or dnx_outfile_discard()
 * afterwards. After DNX_EIO or DNX_EMEM there is nothing to close. */
dnx_status dnx_outfile_open(dnx_outfile *f, const char *path, dnx_err *err);
/* Like dnx_outfile_open(), but writes directly to `path` when it is a pipe or a device. */
dnx_status dnx_outfile_stream(dnx_outfile *f, const char *path, dnx_err *err);
/* Like dnx_outfile_open(), for a file that takes long to make: another process can continue it. The
 * temporary file PATH.partial keeps the bytes of earlier processes; read them by f->file. The
 * caller holds a lock (lock.h) on PATH. dnx_outfile_pause() closes f and keeps PATH.partial. */
dnx_status dnx_outfile_continue(dnx_outfile *f, const char *path, dnx_err *err);
void dnx_outfile_pause(dnx_outfile *f);
/* Appends n bytes. dnx_outfile_sync() and dnx_outfile_commit() report the errors. */
void dnx_outfile_put(dnx_outfile *f, const void *bytes, size_t n);
/* Writes all bytes to the file and syncs it to disk, so that a full disk is an error before the
 * rename. Does not sync a stream. DNX_EIO, DNX_EMEM. */
dnx_status dnx_outfile_sync(dnx_outfile *f, dnx_err *err);
/* Syncs, renames and closes the file. After an error the old file is unchanged, and the temporary
 * file is removed unless dnx_outfile_continue() opened it. DNX_EIO. */
dnx_status dnx_outfile_commit(dnx_outfile *f, dnx_err *err);
/* Closes and removes the temporary file. */
void dnx_outfile_discard(dnx_outfile *f);

/* Writes a whole file of n bytes. DNX_EIO, DNX_EMEM. */
dnx_status dnx_outfile_write(const char *path, const void *bytes, size_t n, dnx_err *err);
/* Removes the temporary files of dead processes in a folder. Call it only with a lock on the files
 * of the folder, because it may remove a file that another process has just opened. */
void dnx_outfile_sweep(const char *folder);
/* Like dnx_outfile_write(), but without syncing: for one of thousands of files. After the last of
 * them call dnx_outfile_sync_many(). Then write the file that records that all are complete. */
dnx_status dnx_outfile_write_of_many(const char *path, const void *bytes, size_t n, dnx_err *err);
dnx_status dnx_outfile_sync_many(const char *folder, dnx_err *err);
#endif
