/* notes.h - notes about a valid cfg that may not mean what its author thinks. */
#ifndef DNX_NOTES_H
#define DNX_NOTES_H
#include "dnx.h"

typedef struct {
    int n;
    char **text;       /* "file:line: text" */
    const char *twice; /* the first note about an option given twice, or NULL */
} dnx_notes;

/* Adds a note. Does nothing when notes is NULL. Returns false when memory runs out and the note is
 * lost. */
bool dnx_note(dnx_notes *notes, dnx_loc loc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void dnx_notes_free(dnx_notes *notes);
#endif
