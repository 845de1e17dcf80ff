/* err.h - the status and the message of an error. A dnx_err keeps the first error. */
#ifndef DNX_ERR_H
#define DNX_ERR_H
#include <stddef.h>

typedef enum {
    DNX_OK,
    DNX_EIO,     /* a file cannot be read or written */
    DNX_EPARSE,  /* a text is malformed, for example a cfg or a list */
    DNX_EOPTION, /* an option is wrong, for example unknown or out of range */
    DNX_ESHAPE,
    DNX_EMEM,
    DNX_EWEIGHTS, /* a weights file is damaged or does not fit the network */
    DNX_ENUMBER,  /* NaN or infinity appeared */
    DNX_ESTOP     /* a signal asked the process to stop */
} dnx_status;

typedef struct {
    const char *file; /* NULL when the message is about no file */
    int line;         /* 0 when the message is about no single line */
} dnx_loc;

typedef struct {
    dnx_status status;
    char text[512]; /* "file:line: text", no newline */
} dnx_err;

/* Records an error in *err, unless *err already has one. Returns `status`. err may be NULL. */
dnx_status dnx_fail(dnx_err *err, dnx_status status, dnx_loc loc, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Like dnx_fail(), for a message without a line number. path may be NULL. */
dnx_status dnx_fail_at(dnx_err *err, dnx_status status, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Copies to *err the first of the n `errors` whose status is not DNX_OK, and returns this status.
 * Returns DNX_OK when there is no error. err may be NULL. */
dnx_status dnx_first_error(const dnx_err *errors, int n, dnx_err *err);
/* Records the error "PATH: no memory" by dnx_fail_at(), and returns DNX_EMEM. path may be NULL. */
dnx_status dnx_no_memory(const char *path, dnx_err *err);
/* Returns `one` when n is 1, else `many`. */
const char *dnx_plural(size_t n, const char *one, const char *many);
/* Rounds n >= 0 and writes it with commas to `out`, such as "1,234,567". Returns `out`. */
char *dnx_grouped(double n, char out[32]);
#endif
