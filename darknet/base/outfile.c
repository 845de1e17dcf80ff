#include "base/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static dnx_status cannot_write(const dnx_outfile *f, dnx_err *err) {
    return dnx_fail(err, DNX_EIO, (dnx_loc){f->path, 0}, "cannot write: %s", strerror(f->why));
}

static void failed(dnx_outfile *f) {
    if (!f->why) f->why = errno ? errno : EIO;
}

static void free_names(dnx_outfile *f) {
    free(f->path);
    free(f->temporary);
}

dnx_status dnx_outfile_open(dnx_outfile *f, const char *path, dnx_err *err) {
    dnx_loc at = {path, 0};
    struct stat info;
    *f = (dnx_outfile){0};
    if (!stat(path, &info) && !S_ISREG(info.st_mode)) /* renaming would replace a device */
        return dnx_fail(err, DNX_EIO, at, "cannot write: not a regular file");
    f->path = strdup(path);
    f->temporary = malloc(strlen(path) + 5);
    if (!f->path || !f->temporary) {
        free_names(f);
        return dnx_fail(err, DNX_EMEM, at, "no memory");
    }
    sprintf(f->temporary, "%s.tmp", path);
    f->file = fopen(f->temporary, "wb");
    if (f->file) return DNX_OK;
    failed(f);
    dnx_status st = cannot_write(f, err);
    free_names(f);
    return st;
}

void dnx_outfile_put(dnx_outfile *f, const void *bytes, size_t n) {
    errno = 0;
    if (n && fwrite(bytes, 1, n, f->file) != n) failed(f);
    f->size += n;
}

dnx_status dnx_outfile_sync(dnx_outfile *f, dnx_err *err) {
    if (!f->why && (fflush(f->file) || fsync(fileno(f->file)))) failed(f);
    return f->why ? cannot_write(f, err) : DNX_OK;
}

/* A rename is safe against a power cut only after this. Not every file system can: no error. */
static void sync_folder(char *path) {
    char *slash = strrchr(path, '/');
    if (slash) slash[1] = 0;
    int fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd);
    close(fd);
}

dnx_status dnx_outfile_close(dnx_outfile *f, bool keep, dnx_err *err) {
    if (keep) (void)dnx_outfile_sync(f, NULL);
    if (fclose(f->file)) failed(f);
    if (keep && !f->why && rename(f->temporary, f->path)) failed(f);
    dnx_status st = keep && f->why ? cannot_write(f, err) : DNX_OK;
    if (st || !keep) remove(f->temporary);
    else sync_folder(f->temporary);
    free_names(f);
    return st;
}
