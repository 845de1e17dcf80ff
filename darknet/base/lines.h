/* lines.h - reads all text files: cfg and .data files, lists, labels, pairs, landmarks, indices.
 *
 * It accepts what editors and other systems write: a byte order mark at the start of a file or of a
 * line (files are joined with cat), UTF-16 with such a mark (converted to UTF-8), lines that end
 * with LF, CR LF or CR, and a last line without an end. Other bytes, such as Latin-1, stay as they
 * are. It refuses NUL bytes and lines over 1 MB, and names the line. */
#ifndef DNX_LINES_H
#define DNX_LINES_H
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

typedef struct {
    const char *file;  /* for messages; owned by the caller */
    char *text;        /* the whole file; lines point into it */
    size_t len, count; /* bytes; lines, empty ones included */
    size_t at;         /* offset of the next line */
    int number;        /* number of the last line returned, from 1 */
} dnx_lines;

#define DNX_LINES_MOST ((size_t)1 << 30) /* the longest file, bytes */

/* Reads a file, or a pipe to its end; `file` must outlive l. `what` names the kind of file in
 * messages ("a cfg"). DNX_EIO when it cannot be read, or has more than `most` bytes. DNX_EPARSE
 * when it is not text. DNX_EMEM. After an error there is nothing to free. */
dnx_status dnx_lines_open(dnx_lines *l, const char *file, const char *what, size_t most,
                          dnx_err *err);
/* Reads a copy of len bytes instead. DNX_EPARSE, DNX_EMEM. */
dnx_status dnx_lines_copy(dnx_lines *l, const char *text, size_t len, const char *file,
                          const char *what, dnx_err *err);
void dnx_lines_free(dnx_lines *l);
/* After this call, report(file, mark) is called for each text that begins with a byte order mark,
 * because editors hide it, and other programs may reject it. NULL, the default, ends the calls. */
void dnx_lines_report_marks(void (*report)(const char *file, const char *mark));

/* Returns the next line that is neither empty nor starts with a character of `comments`, without
 * white space at both ends. NULL at the end of the text. The caller may change the line. */
char *dnx_lines_next(dnx_lines *l, const char *comments);
/* The place of the line that was returned last, for messages. */
dnx_loc dnx_lines_at(const dnx_lines *l);

/* Removes white space from both ends of s, in place. */
char *dnx_trim(char *s);
/* Removes a comment from the end of s, in place. It starts with '#' or ';' after white space. */
void dnx_comment_cut(char *s);

/* Returns the separator of the fields of a line: '\t' when it has a tab, else ',' when it has a
 * comma, else ' '. */
char dnx_separator(const char *line);
/* Splits a line in place into trimmed fields and returns their number; the first `most` go to
 * `field`. ' ' stands for any run of white space. A field between commas may be quoted, with "" for
 * a quote (RFC 4180). Returns -1 when a quoted field does not end with its quote. */
int dnx_fields(char *line, char separator, char **field, int most);

/* Return true when all of s is a whole number in lo..hi, or a finite decimal number. */
bool dnx_whole(const char *s, long lo, long hi, long *v);
bool dnx_decimal(const char *s, double *v);
#endif
