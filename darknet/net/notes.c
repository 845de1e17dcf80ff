/* notes.c - collects notes about a cfg. */
#include "net/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool dnx_note(dnx_notes *notes, dnx_loc loc, const char *fmt, ...) {
    dnx_err line = {0};
    char text[400];
    va_list args;
    if (!notes) return true;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    dnx_fail(&line, DNX_EOPTION, loc, "%s", text); /* puts file and line before the text */
    char **more = realloc(notes->text, sizeof *more * (size_t)(notes->n + 1));
    if (more) notes->text = more;
    char *copy = more ? strdup(line.text) : NULL;
    if (copy) notes->text[notes->n++] = copy;
    return copy;
}

void dnx_notes_free(dnx_notes *notes) {
    for (int i = 0; i < notes->n; i++) free(notes->text[i]);
    free(notes->text);
    *notes = (dnx_notes){0};
}
