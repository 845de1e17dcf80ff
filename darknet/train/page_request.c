/* page_request.c - reads a request of HTTP/1. */
#include "train/page_request.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Returns a pointer to the empty line that ends the headers, or NULL when it has not arrived. */
static const char *find_end(const char *p, size_t n) {
    const char *a = memmem(p, n, "\r\n\r\n", 4), *b = memmem(p, n, "\n\n", 2);
    return a && (!b || a < b) ? a : b;
}

/* Returns true when a Host header names this machine, with any port. Its port may differ from the
 * port of the page, because the browser may reach the page through a tunnel. */
static bool is_own(const char *value, size_t n) {
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t len = strlen(names[i]);
        if (n >= len && !strncasecmp(value, names[i], len) && (n == len || value[len] == ':'))
            return true;
    }
    return false;
}

/* Returns true when a Host header names another machine. */
static bool is_foreign(const char *at, const char *end) {
    while ((at = memchr(at, '\n', (size_t)(end - at)))) {
        at++;
        if (end - at < 5 || strncasecmp(at, "host:", 5)) continue;
        at += 5;
        while (at < end && (*at == ' ' || *at == '\t')) at++;
        size_t n = 0;
        while (at + n < end && !strchr(" \t\r\n", at[n])) n++;
        if (!is_own(at, n)) return true;
    }
    return false;
}

static bool is_word(const char *p, size_t n, const char *word) {
    return n == strlen(word) && !memcmp(p, word, n);
}

dnx_request dnx_request_read(const char *p, size_t n) {
    const char *end = find_end(p, n);
    if (!end) return n >= DNX_REQUEST_MOST ? DNX_REQUEST_LARGE : DNX_REQUEST_PART;
    const char *line = memchr(p, '\n', (size_t)(end - p));
    if (!line) line = end;
    if (line > p && line[-1] == '\r') line--;
    const char *method = memchr(p, ' ', (size_t)(line - p));
    const char *path = method ? method + 1 : NULL;
    const char *version = path ? memchr(path, ' ', (size_t)(line - path)) : NULL;
    if (!version || line - version < 8 || memcmp(version, " HTTP/1.", 8))
        return DNX_REQUEST_NOT_HTTP;
    if (is_foreign(p, end)) return DNX_REQUEST_FOREIGN;
    const char *query = memchr(path, '?', (size_t)(version - path));
    const size_t len = (size_t)((query ? query : version) - path);
    bool is_page = is_word(path, len, "/"), is_events = is_word(path, len, "/events");
    if (!is_page && !is_events) return DNX_REQUEST_NOT_FOUND;
    if (!is_word(p, (size_t)(method - p), "GET")) return DNX_REQUEST_NOT_METHOD;
    return is_page ? DNX_REQUEST_PAGE : DNX_REQUEST_EVENTS;
}

#define HEADERS                                                                                    \
    "Connection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"          \
    "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; "                    \
    "style-src 'unsafe-inline'; connect-src 'self'; img-src data:\r\n"
#define REFUSE(status, more)                                                                       \
    "HTTP/1.1 " status "\r\n" more HEADERS "Content-Type: text/plain\r\n\r\n" status "\n"

const char *dnx_request_answer(dnx_request r) {
    switch (r) {
    case DNX_REQUEST_PAGE:
        return "HTTP/1.1 200 OK\r\n" HEADERS "Content-Type: text/html; charset=utf-8\r\n\r\n";
    case DNX_REQUEST_EVENTS:
        return "HTTP/1.1 200 OK\r\n" HEADERS "Content-Type: text/event-stream\r\n\r\n";
    case DNX_REQUEST_FOREIGN: return REFUSE("403 Forbidden", "");
    case DNX_REQUEST_NOT_FOUND: return REFUSE("404 Not Found", "");
    case DNX_REQUEST_NOT_METHOD: return REFUSE("405 Method Not Allowed", "Allow: GET\r\n");
    case DNX_REQUEST_LARGE: return REFUSE("431 Request Header Fields Too Large", "");
    case DNX_REQUEST_BUSY: return REFUSE("503 Service Unavailable", "Retry-After: 10\r\n");
    default: return REFUSE("400 Bad Request", "");
    }
}
