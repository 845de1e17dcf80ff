/* err.h - the status that every function that can fail returns, and the message that goes
 * with it. The first error wins: whoever finds the fault writes the text, everybody above passes
 * it on. */
#ifndef DNX_ERR_H
#define DNX_ERR_H

typedef enum {
    DNX_OK,
    DNX_EIO,      /* a file cannot be read or written */
    DNX_EPARSE,   /* a line of a cfg is malformed */
    DNX_EOPTION,  /* an option is unknown, twice there, or out of its range */
    DNX_ESHAPE,   /* shapes do not fit */
    DNX_EMEM,     /* no memory */
    DNX_EWEIGHTS, /* a weights file does not fit the network */
    DNX_ENUMBER,  /* NaN or infinity appeared */
    DNX_ESTOP     /* a signal asked for the end: see base/stop.h */
} dnx_status;

typedef struct {
    const char *file; /* NULL: no place */
    int line;         /* 0: the file as a whole */
} dnx_loc;

typedef struct {
    dnx_status status;
    char text[512]; /* "file:line: text", no newline */
} dnx_err;

/* Records an error and returns `status`. The first error wins; err may be NULL. */
dnx_status dnx_fail(dnx_err *err, dnx_status status, dnx_loc loc, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
#endif
