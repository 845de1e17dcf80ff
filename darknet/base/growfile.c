/* growfile.c - writes a file in place. */
#include "base/growfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static dnx_status cannot_write(const char *path, dnx_err *err) {
    return dnx_fail_at(err, DNX_EIO, path, "cannot write: %s", strerror(errno));
}

dnx_status dnx_growfile_add(dnx_growfile *f, const char *path, const void *bytes, size_t n,
                            size_t *done, dnx_err *err) {
    *done = 0;
    if (f->fd < 0) f->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (f->fd < 0) return cannot_write(path, err);
    while (*done < n) {
        ssize_t now = pwrite(f->fd, (const char *)bytes + *done, n - *done,
                             (off_t)(f->kept + *done));
        if (now > 0) *done += (size_t)now;
        else if (now == 0 || errno != EINTR) return cannot_write(path, err);
    }
    return DNX_OK;
}

dnx_status dnx_growfile_keep(dnx_growfile *f, const char *path, size_t n, dnx_err *err) {
    f->kept += n;
    if (f->fd < 0 || !ftruncate(f->fd, (off_t)f->kept)) return DNX_OK;
    return cannot_write(path, err);
}

void dnx_growfile_close(dnx_growfile *f) {
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
}
