/* lines.h - the one reader of text: cfg and .data files, lists, labels, pairs, landmarks, indices.
 *
 * Accepts what editors and other systems write: a byte order mark at the start of a file or of a
 * line (files are joined with cat), UTF-16 with such a mark (decoded to UTF-8), lines that end with
 * LF, CR LF or CR, a last line without an end. Other bytes, such as Latin-1, stay as they are.
 * Refuses NUL bytes and lines over 1 MB, with their line. */
#ifndef DNX_LINES_H
#define DNX_LINES_H
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

typedef struct {
    const char *file; /* for messages; the caller's */
    char *text;       /* the whole file; the lines lie in it */
    size_t len, count; /* bytes; lines, empty ones included */
    size_t at;         /* where the next line starts */
    int number;        /* of the line given last, from 1 */
} dnx_lines;

#define DNX_LINES_MOST ((size_t)1 << 30) /* bytes of a file */

/* Reads a file, or a pipe to its end; file must outlive l. `what` stands in messages ("a cfg").
 * DNX_EIO: it cannot be read, or has over `most` bytes; DNX_EPARSE: it is no text; DNX_EMEM. After
 * an error there is nothing to free. */
dnx_status dnx_lines_open(dnx_lines *l, const char *file, const char *what, size_t most,
                          dnx_err *err);
/* The same of a copy of len bytes. DNX_EPARSE, DNX_EMEM. */
dnx_status dnx_lines_copy(dnx_lines *l, const char *text, size_t len, const char *file,
                          const char *what, dnx_err *err);
void dnx_lines_free(dnx_lines *l);
/* Calls tell() for each text that begins with a byte order mark: editors hide it, and other
 * programs may stumble on it. NULL, as at the start: nobody is told. */
void dnx_lines_tell_marks(void (*tell)(const char *file, const char *mark));

/* The next line that is neither empty nor starts with one of the characters of `comments`, white
 * space cut off both ends; NULL at the end. The line may be changed. */
char *dnx_lines_next(dnx_lines *l, const char *comments);
/* Where the last line is, for messages. */
dnx_loc dnx_lines_at(const dnx_lines *l);

/* Cuts white space off both ends of s, in place. */
char *dnx_trim(char *s);
/* Cuts a comment off the end of s, in place: from '#' or ';' behind white space. */
void dnx_comment_cut(char *s);

/* What separates the fields of a line: '\t' when it has a tab, else ',' when it has a comma, else
 * ' '. */
char dnx_separator(const char *line);
/* Splits a line in place into trimmed fields and returns how many there are; the first `most` go to
 * `field`. ' ' stands for any run of white space. A field between commas may be quoted, with ""
 * for a quote (RFC 4180); -1: a quote that does not end with its field. */
int dnx_fields(char *line, char separator, char **field, int most);

/* Whether all of s is a whole number in lo..hi, or a finite decimal number. */
bool dnx_whole(const char *s, long lo, long hi, long *v);
bool dnx_decimal(const char *s, double *v);
#endif
