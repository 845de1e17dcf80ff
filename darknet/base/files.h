/* files.h - opens and reads files. */
#ifndef DNX_FILES_H
#define DNX_FILES_H
#include <stddef.h>
#include <stdio.h>

#define DNX_MAX_FILE (1u << 30) /* size limit, in bytes, of a file that is read whole */

/* On failure each function returns NULL and sets errno. Functions without "_unnoted" in their name
 * register the file as an input, which no output may replace (inputs.h). */

/* Opens a regular file for reading and sets *len to its size in bytes. errno is EFBIG when the file
 * has more than `most` bytes, EISDIR for a folder, EINVAL for a pipe or a device. */
FILE *dnx_file_open(const char *path, size_t most, size_t *len);
/* Returns the bytes of a regular file of at most DNX_MAX_FILE bytes, followed by a NUL, and sets
 * *len to their number without the NUL. The caller frees them with free(). */
char *dnx_file_read(const char *path, size_t *len);
/* Like dnx_file_read(), for a file of at most `most` bytes. */
char *dnx_file_read_most(const char *path, size_t most, size_t *len);
/* Opens a file of any length, or a pipe. errno is ENXIO when a FIFO stays empty for 5 seconds. */
FILE *dnx_file_stream(const char *path);

/* These functions register no input. Use them for images, because there may be millions, and for
 * files that a command reads and replaces. */
FILE *dnx_file_open_unnoted(const char *path, size_t most, size_t *len);
char *dnx_file_read_unnoted(const char *path, size_t most, size_t *len);
#endif
