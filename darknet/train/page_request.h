/* page_request.h - the requests of HTTP that the page of a run takes, and its answers. */
#ifndef DNX_PAGE_REQUEST_H
#define DNX_PAGE_REQUEST_H
#include <stddef.h>

enum { DNX_REQUEST_MOST = 8192 }; /* bytes of a request's line and headers */

typedef enum {
    DNX_REQUEST_PART,       /* its end has not come yet */
    DNX_REQUEST_PAGE,       /* GET / */
    DNX_REQUEST_EVENTS,     /* GET /events */
    DNX_REQUEST_NOT_HTTP,   /* 400 */
    DNX_REQUEST_FOREIGN,    /* 403: asked for under another name than this machine's own, as a page
                             * of the web would that has made its name point here */
    DNX_REQUEST_NOT_FOUND,  /* 404 */
    DNX_REQUEST_NOT_METHOD, /* 405 */
    DNX_REQUEST_LARGE,      /* 431: more than DNX_REQUEST_MOST bytes */
    DNX_REQUEST_BUSY        /* 503: no room for another client; never returned by a read */
} dnx_request;

/* Reads the n bytes that have come so far. */
dnx_request dnx_request_read(const char *bytes, size_t n);
/* The first line and the headers of the answer; of a refusal with its text, all of it. */
const char *dnx_request_answer(dnx_request r);
#endif
