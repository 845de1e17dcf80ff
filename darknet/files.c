#include "files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* O_NONBLOCK: opening a FIFO would wait for a writer. */
char *dnx_file_read_most(const char *path, size_t most, size_t *len) {
    struct stat s;
    char *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return NULL;
    int why = 0;
    if (fstat(fd, &s)) why = errno;
    else if (!S_ISREG(s.st_mode)) why = S_ISDIR(s.st_mode) ? EISDIR : EINVAL;
    else if ((size_t)s.st_size > most) why = EFBIG;
    else if (!(text = malloc((size_t)s.st_size + 1))) why = ENOMEM;
    for (size_t got = 0; !why && got < (size_t)s.st_size;) {
        ssize_t n = read(fd, text + got, (size_t)s.st_size - got);
        if (n > 0) got += (size_t)n;
        else if (n == 0) why = EIO; /* it shrinks */
        else if (errno != EINTR) why = errno;
    }
    close(fd);
    if (why) {
        free(text);
        errno = why;
        return NULL;
    }
    text[s.st_size] = 0;
    *len = (size_t)s.st_size;
    return text;
}

char *dnx_file_read(const char *path, size_t *len) {
    return dnx_file_read_most(path, DNX_MAX_FILE, len);
}

char *dnx_line_next(char **at, const char *end) {
    char *line = *at;
    if (line >= end) return NULL;
    char *stop = memchr(line, '\n', (size_t)(end - line));
    *at = stop ? stop + 1 : (char *)(uintptr_t)end;
    if (stop) *stop = 0;
    return line;
}

char *dnx_line_trim(char *s) {
    while (isspace((unsigned char)*s)) s++;
    for (size_t n = strlen(s); n && isspace((unsigned char)s[n - 1]); n--) s[n - 1] = 0;
    return s;
}
