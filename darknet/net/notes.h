/* notes.h - what a cfg says that is taken, but not as its writer may think: lines for `darknet
 * check` and `classifier train` to print. */
#ifndef DNX_NOTES_H
#define DNX_NOTES_H
#include "dnx.h"

typedef struct {
    int n;
    char **text;       /* "file:line: text" */
    const char *twice; /* the first of them about an option given twice; NULL: none */
} dnx_notes;

/* Adds a note. notes NULL: nobody reads them. Without memory the note is left out. */
void dnx_note(dnx_notes *notes, dnx_loc loc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void dnx_notes_free(dnx_notes *notes); /* not the struct */
#endif
