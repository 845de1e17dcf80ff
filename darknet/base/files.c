/* files.c - opens and reads files. */
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/inputs.h"

enum { WAIT_MS = 5000 };

/* Opens with O_NONBLOCK, because opening a FIFO would otherwise wait for a writer. */
FILE *dnx_file_open_unnoted(const char *path, size_t most, size_t *len) {
    struct stat s;
    FILE *f = NULL;
    int why = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return NULL;
    if (fstat(fd, &s)) why = errno;
    else if (!S_ISREG(s.st_mode)) why = S_ISDIR(s.st_mode) ? EISDIR : EINVAL;
    else if ((size_t)s.st_size > most) why = EFBIG;
    else if (!(f = fdopen(fd, "rb"))) why = errno;
    if (!f) {
        close(fd);
        errno = why;
        return NULL;
    }
    *len = (size_t)s.st_size;
    return f;
}

static FILE *noted(FILE *f, const char *path) {
    if (!f || dnx_input_note(path)) return f;
    fclose(f);
    errno = ENOMEM;
    return NULL;
}

FILE *dnx_file_open(const char *path, size_t most, size_t *len) {
    return noted(dnx_file_open_unnoted(path, most, len), path);
}

static FILE *open_fifo(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct pollfd is_written = {.fd = fd, .events = POLLIN};
    int n = fd < 0 ? -1 : poll(&is_written, 1, WAIT_MS);
    if (n == 0) errno = ENXIO;
    FILE *f = n > 0 && !fcntl(fd, F_SETFL, 0) ? fdopen(fd, "rb") : NULL;
    if (fd >= 0 && !f) {
        int why = errno;
        close(fd);
        errno = why;
    }
    return f;
}

FILE *dnx_file_stream(const char *path) {
    struct stat s;
    bool is_fifo = !lstat(path, &s) && S_ISFIFO(s.st_mode);
    return noted(is_fifo ? open_fifo(path) : fopen(path, "rbe"), path);
}

/* Returns the *len bytes of f, followed by a NUL, and closes f. On failure returns NULL and sets
 * errno. When f is NULL, because the file could not be opened, returns NULL and leaves errno
 * unchanged. */
static char *read_all(FILE *f, const size_t *len) {
    int why = 0;
    if (!f) return NULL;
    char *text = malloc(*len + 1);
    if (!text) why = ENOMEM;
    else if (fread(text, 1, *len, f) != *len)
        why = EIO; /* a read error, or the file has become shorter */
    fclose(f);
    if (why) {
        free(text);
        errno = why;
        return NULL;
    }
    text[*len] = 0;
    return text;
}

char *dnx_file_read_unnoted(const char *path, size_t most, size_t *len) {
    FILE *f = dnx_file_open_unnoted(path, most, len);
    return read_all(f, len);
}

char *dnx_file_read_most(const char *path, size_t most, size_t *len) {
    FILE *f = dnx_file_open(path, most, len);
    return read_all(f, len);
}

char *dnx_file_read(const char *path, size_t *len) {
    return dnx_file_read_most(path, DNX_MAX_FILE, len);
}
