/* files.h - whole files. */
#ifndef DNX_FILES_H
#define DNX_FILES_H
#include <stddef.h>
#include <stdio.h>

#define DNX_MAX_FILE (1u << 30) /* bytes of an image or a list */

/* These note the file as an input, which no output of this process may replace (inputs.h). */

/* Opens a file of at most `most` bytes to be read; NULL with errno set: EFBIG for a longer one,
 * EISDIR or EINVAL for what is no regular file. */
FILE *dnx_file_open(const char *path, size_t most, size_t *len);
/* The whole file and a NUL, free() it; NULL with errno set: also for what is no regular file. */
char *dnx_file_read(const char *path, size_t *len);
/* The same for a file of at most `most` bytes. */
char *dnx_file_read_most(const char *path, size_t most, size_t *len);
/* Opens a file of any length, or a pipe, to be read as a stream; NULL with errno set: ENXIO for a
 * FIFO that nothing has been written to for five seconds. */
FILE *dnx_file_stream(const char *path);

/* The same without the note: for images, which are millions, and for results that the command
 * itself goes on with and replaces: checkpoints, logs, caches. */
FILE *dnx_file_open_unnoted(const char *path, size_t most, size_t *len);
char *dnx_file_read_unnoted(const char *path, size_t most, size_t *len);
#endif
