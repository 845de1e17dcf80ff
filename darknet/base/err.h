/* err.h - the status that every function that can fail returns, and its message. Only the first
 * error is kept: the function that finds the fault writes the text, and all callers pass it on. */
#ifndef DNX_ERR_H
#define DNX_ERR_H
#include <stddef.h>

typedef enum {
    DNX_OK,
    DNX_EIO,      /* a file cannot be read or written */
    DNX_EPARSE,   /* a line of a cfg is malformed */
    DNX_EOPTION,  /* an option is unknown, given twice, or out of range */
    DNX_ESHAPE,   /* shapes do not fit */
    DNX_EMEM,     /* no memory */
    DNX_EWEIGHTS, /* a weights file does not fit the network */
    DNX_ENUMBER,  /* NaN or infinity appeared */
    DNX_ESTOP     /* a signal asked the process to stop, see base/stop.h */
} dnx_status;

typedef struct {
    const char *file; /* NULL when the message has no place */
    int line;         /* 0 for the file as a whole */
} dnx_loc;

typedef struct {
    dnx_status status;
    char text[512]; /* "file:line: text", no newline */
} dnx_err;

/* Records an error and returns `status`. An earlier error is kept. err may be NULL. */
dnx_status dnx_fail(dnx_err *err, dnx_status status, dnx_loc loc, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same for a file as a whole; path may be NULL. */
dnx_status dnx_fail_at(dnx_err *err, dnx_status status, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Copies the first error of a list, of one for each thread, to *err. Returns its status, or DNX_OK
 * when the list has none. */
dnx_status dnx_first_error(const dnx_err *errors, int n, dnx_err *err);
/* Records "PATH: no memory" and returns DNX_EMEM. */
dnx_status dnx_no_memory(const char *path, dnx_err *err);
/* For messages: returns `one` when n is 1, else `many`. */
const char *dnx_plural(size_t n, const char *one, const char *many);
/* Writes a whole number with commas between the thousands, "1,234,567", and returns `out`. */
char *dnx_grouped(double n, char out[32]);
#endif
