/* inputs.h - which files this process has read, so that none of its outputs replaces one of them.
 * The functions of files.h note what they open. Any thread may call these. */
#ifndef DNX_INPUTS_H
#define DNX_INPUTS_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Notes a file that was opened to be read. False: there is no memory for its name. */
bool dnx_input_note(const char *path);
/* Whether `file` is one of the inputs, by device and inode as they are now; then its name, as it
 * was noted, goes to name[room]. */
bool dnx_input_is(const struct stat *file, char *name, size_t room);
/* Forgets what was noted since mark() gave `mark`: for a result that was read to be compared. */
size_t dnx_inputs_mark(void);
void dnx_inputs_rewind(size_t mark);
/* Forgets all: for a program that does the work of several commands, such as a test. */
void dnx_inputs_forget(void);
#endif
