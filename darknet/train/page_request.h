/* page_request.h - the HTTP requests that the page of a run accepts, and its answers. */
#ifndef DNX_PAGE_REQUEST_H
#define DNX_PAGE_REQUEST_H
#include <stddef.h>

enum { DNX_REQUEST_MOST = 8192 }; /* the most bytes of a request's line and headers */

typedef enum {
    DNX_REQUEST_PART,       /* incomplete */
    DNX_REQUEST_PAGE,       /* GET / */
    DNX_REQUEST_EVENTS,     /* GET /events */
    DNX_REQUEST_NOT_HTTP,   /* 400 */
    DNX_REQUEST_FOREIGN,    /* 403: the Host header names another machine (DNS rebinding) */
    DNX_REQUEST_NOT_FOUND,  /* 404 */
    DNX_REQUEST_NOT_METHOD, /* 405 */
    DNX_REQUEST_LARGE,      /* 431: more than DNX_REQUEST_MOST bytes */
    DNX_REQUEST_BUSY        /* 503: too many clients; dnx_request_read() never returns it */
} dnx_request;

/* Classifies a request by the n bytes that have arrived. */
dnx_request dnx_request_read(const char *bytes, size_t n);
/* Returns the first line and the headers of the answer, and for a refusal also its text. */
const char *dnx_request_answer(dnx_request r);
#endif
