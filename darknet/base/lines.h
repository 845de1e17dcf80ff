/* lines.h - reads text files line by line.
 *
 * A byte order mark is allowed. UTF-16 text must begin with a byte order mark; it is converted to
 * UTF-8. Bytes of other encodings are unchanged. Lines end with LF, CR LF or CR. NUL bytes and
 * lines over 1 MB are errors. */
#ifndef DNX_LINES_H
#define DNX_LINES_H
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

typedef struct {
    const char *file;
    char *text;        /* text of the file; the lines returned point into it */
    size_t len, count; /* bytes of text; number of lines, including empty ones */
    size_t at;         /* offset of the next line */
    int number;        /* number of the last line returned, from 1 */
} dnx_lines;

#define DNX_LINES_MOST ((size_t)1 << 30) /* usual size limit of a file, in bytes */

/* Reads a whole file or pipe. Call dnx_lines_free() unless this function fails. `file` must outlive
 * l. `what` names the kind of file in messages ("a cfg"). Errors: DNX_EIO, also for a file over
 * `most` bytes; DNX_EPARSE for malformed text; DNX_EMEM. */
dnx_status dnx_lines_open(dnx_lines *l, const char *file, const char *what, size_t most,
                          dnx_err *err);
/* Like dnx_lines_open(), but reads a copy of the len bytes of `text`; `file` is only for messages.
 * Errors: DNX_EPARSE, DNX_EMEM. */
dnx_status dnx_lines_copy(dnx_lines *l, const char *text, size_t len, const char *file,
                          const char *what, dnx_err *err);
void dnx_lines_free(dnx_lines *l);
/* Sets a function to call for each text that begins with a byte order mark. report may be NULL. */
void dnx_lines_report_marks(void (*report)(const char *file, const char *mark));

/* Returns the next line without white space at both ends, or NULL at the end of the text. Skips
 * lines that are empty or start with a character of `comments`. The caller may change the line. */
char *dnx_lines_next(dnx_lines *l, const char *comments);
/* Returns the file and the number of the line that dnx_lines_next() returned last, for messages. */
dnx_loc dnx_lines_at(const dnx_lines *l);

/* Removes white space at both ends of s, in place. Returns the first character that remains. */
char *dnx_trim(char *s);
/* Removes a comment from s. A comment starts with a '#' or ';' after white space. */
void dnx_comment_cut(char *s);

/* Returns '\t' when the line has a tab, else ',' when it has a comma, else ' '. */
char dnx_separator(const char *line);
/* Splits a line in place into fields, and removes white space at both ends of each field. Stores
 * the first `most` fields in `field`, and returns the number of all fields. Separator ' ' means any
 * run of white space. With ',' a field may be quoted (RFC 4180). Returns -1 when quotes are
 * malformed. */
int dnx_fields(char *line, char separator, char **field, int most);

/* Convert s to a whole number in lo..hi, or to a finite decimal number. Return false for other
 * text. */
bool dnx_whole(const char *s, long lo, long hi, long *v);
bool dnx_decimal(const char *s, double *v);
#endif
