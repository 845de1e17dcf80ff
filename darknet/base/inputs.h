/* inputs.h - the files that this process has read: no output may replace them. Thread safe. */
#ifndef DNX_INPUTS_H
#define DNX_INPUTS_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Registers a file that was opened for reading. Returns false when memory runs out. */
bool dnx_input_note(const char *path);
/* Returns true when `file` has the inode of a registered file, and copies that file's path to
 * `name`. */
bool dnx_input_is(const struct stat *file, char *name, size_t size);
/* dnx_inputs_rewind() removes from the list all files that were registered after dnx_inputs_mark()
 * returned `mark`. */
size_t dnx_inputs_mark(void);
void dnx_inputs_rewind(size_t mark);
#endif
