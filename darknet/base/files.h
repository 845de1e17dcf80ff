/* files.h - reads whole files. */
#ifndef DNX_FILES_H
#define DNX_FILES_H
#include <stddef.h>
#include <stdio.h>

#define DNX_MAX_FILE (1u << 30) /* the longest image or list, bytes */

/* The functions below, except dnx_file_open_unnoted(), register the file as an input, which no
 * output of this process may replace (inputs.h). */

/* Opens a regular file of at most `most` bytes for reading; *len is its length. NULL with errno:
 * EFBIG for a longer file, EISDIR or EINVAL for one that is not regular. */
FILE *dnx_file_open(const char *path, size_t most, size_t *len);
/* Returns a whole regular file and a NUL after it; free() it. NULL with errno. */
char *dnx_file_read(const char *path, size_t *len);
/* Like dnx_file_read(), for a file of at most `most` bytes. */
char *dnx_file_read_most(const char *path, size_t most, size_t *len);
/* Opens a file of any length, or a pipe, as a stream. NULL with errno: ENXIO for a FIFO to which no
 * process has written for five seconds. */
FILE *dnx_file_stream(const char *path);

/* Like dnx_file_open(), but registers no input: for images, because there are millions, and for
 * results that the command itself continues and replaces: checkpoints, logs, caches. */
FILE *dnx_file_open_unnoted(const char *path, size_t most, size_t *len);
char *dnx_file_read_unnoted(const char *path, size_t most, size_t *len);
#endif
