/* inputs.h - the files that this process has read, so that none of its outputs replaces one of
 * them. The functions of files.h register what they open. Thread safe. */
#ifndef DNX_INPUTS_H
#define DNX_INPUTS_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Registers a file that was opened for reading. Returns false when memory runs out. */
bool dnx_input_note(const char *path);
/* Returns true when `file` is one of the inputs, by its present device and inode. `name` (size
 * bytes) then gets the name under which it was registered. */
bool dnx_input_is(const struct stat *file, char *name, size_t size);
/* Removes what was registered since mark() returned `mark`: for a result that was read only to be
 * compared. Mark 0 removes all inputs: for a program that does the work of several commands, such
 * as a test. */
size_t dnx_inputs_mark(void);
void dnx_inputs_rewind(size_t mark);
#endif
