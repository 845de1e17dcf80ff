/* page.c - the thread that serves the page of a run. */
#include "train/page.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "train/page_curve.h"
#include "train/page_request.h"

enum { CLIENTS = 64, TICK = 250, KEPT = 1 << 16, MOST_WAITING = 8 << 20 };
/* CLIENTS: the most connections. TICK: most ms between looks at the curve. MOST_WAITING: bytes that
 * may wait for a client. KEPT: bytes of buffer that a client keeps when nothing waits for it. */
#define ASK_SECONDS 10.   /* the longest wait for a request */
#define TAKE_SECONDS 30.  /* the longest wait for a client that reads nothing */
#define ALIVE_SECONDS 15. /* after this time without events, a client gets an empty comment */
#define PART_SECONDS 2.   /* the longest wait for a client to close after an answer */
#define END_SECONDS .5    /* the longest wait for clients when the run ends */

extern const char dnx_page_html[]; /* the text of page.html; the Makefile makes it */

/* ASKS: a client sends its request. LISTENS: it gets events. TAKES: it gets any other answer.
 * PARTS: it has got its answer and is closing. */
typedef enum { ASKS, LISTENS, TAKES, PARTS } stage;

typedef struct {
    int fd; /* -1 when this struct is free */
    stage stage;
    double since; /* time of the last progress */
    char in[DNX_REQUEST_MOST];
    size_t came;
    char *out;
    size_t sent, len, room;
    size_t points;    /* number of the curve's points that the client has got */
    unsigned version; /* version of the curve that these points belong to; 0 at first */
} client;

struct dnx_page {
    int fd;
    pthread_t thread;
    bool is_running;
    char *hello; /* the event "run" */
    client clients[CLIENTS];
    dnx_curve seen;       /* the thread's copy of the curve */
    pthread_mutex_t lock; /* guards the members below */
    dnx_curve curve;
    bool ends;
};

/* ---- output for a client ---- */

/* Adds bytes to the output of a client. Returns false when the client must be closed. */
static bool give(client *c, const char *bytes, size_t n) {
    if (c->sent == c->len) c->sent = c->len = 0;
    if (c->len + n > c->room) {
        size_t room = 2 * (c->len + n);
        char *more = room > MOST_WAITING ? NULL : realloc(c->out, room);
        if (!more) return false;
        c->out = more;
        c->room = room;
    }
    if (c->sent == c->len) c->since = dnx_now();
    memcpy(c->out + c->len, bytes, n);
    c->len += n;
    return true;
}

static bool give_text(client *c, const char *text) { return give(c, text, strlen(text)); }

static bool give_points(const dnx_page *p, client *c) {
    const dnx_curve *curve = &p->seen;
    const bool is_new = c->version != curve->version;
    if (!is_new && c->points == curve->n) return true;
    char *text = malloc((size_t)curve->columns * DNX_CURVE_TEXT + 8);
    bool ok = text && give_text(c, is_new ? "event: all\n" : "event: more\n");
    for (size_t i = is_new ? 0 : c->points; ok && i < curve->n; i++) {
        size_t n = (size_t)sprintf(text, "data: ");
        n += dnx_curve_text(curve, i, text + n);
        text[n++] = '\n';
        ok = give(c, text, n);
    }
    ok = ok && give_text(c, is_new && !curve->n ? "data:\n\n" : "\n");
    free(text);
    c->points = curve->n;
    c->version = curve->version;
    return ok;
}

/* ---- a client ---- */

static void drop(client *c) {
    if (c->fd >= 0) close(c->fd);
    free(c->out);
    *c = (client){.fd = -1};
}

static bool answer(const dnx_page *p, client *c, dnx_request r) {
    c->stage = r == DNX_REQUEST_EVENTS ? LISTENS : TAKES;
    bool ok = give_text(c, dnx_request_answer(r));
    if (r == DNX_REQUEST_PAGE) ok = ok && give_text(c, dnx_page_html);
    if (r == DNX_REQUEST_EVENTS) ok = ok && give_text(c, p->hello);
    return ok;
}

/* Reads what a client sends. Answers the request when it is complete, and ignores all that follows.
 * Returns false when the client must be closed. */
static bool hear(const dnx_page *p, client *c) {
    char rest[4096];
    const bool asks = c->stage == ASKS;
    ssize_t n = recv(c->fd, asks ? c->in + c->came : rest,
                     asks ? sizeof c->in - c->came : sizeof rest, MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    /* n is 0 when the client sends no more. In stage TAKES it may still read its answer. */
    if (n == 0) return c->stage == TAKES;
    if (!asks) return true;
    c->came += (size_t)n;
    dnx_request r = dnx_request_read(c->in, c->came);
    return r == DNX_REQUEST_PART || answer(p, c, r);
}

/* Sends as much output as the client accepts. Returns false when the connection is broken. */
static bool tell(client *c) {
    while (c->sent < c->len) {
        ssize_t n = send(c->fd, c->out + c->sent, c->len - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) return errno == EAGAIN || errno == EINTR;
        c->sent += (size_t)n;
        c->since = dnx_now();
    }
    if (c->room > KEPT) {
        free(c->out);
        c->out = NULL;
        c->sent = c->len = c->room = 0;
    }
    return true;
}

/* Serves a client for which poll() has reported `what`. Returns false when the client must be
 * closed. In stage PARTS the server still reads. If it closed the connection while the client
 * sends, the client could lose the answer. */
static bool serve(const dnx_page *p, client *c, short what) {
    if (what & (POLLIN | POLLHUP | POLLERR) && !hear(p, c)) return false;
    const double idle = dnx_now() - c->since;
    if (c->stage == LISTENS) {
        if (!give_points(p, c)) return false;
        if (c->sent == c->len && idle > ALIVE_SECONDS && !give_text(c, ":\n\n")) return false;
    }
    if (!tell(c)) return false;
    if (c->stage == TAKES && c->sent == c->len) {
        shutdown(c->fd, SHUT_WR);
        c->stage = PARTS;
    }
    return c->stage == ASKS    ? idle < ASK_SECONDS
           : c->stage == PARTS ? idle < PART_SECONDS
                               : c->sent == c->len || idle < TAKE_SECONDS;
}

static void welcome(dnx_page *p) {
    const char *busy = dnx_request_answer(DNX_REQUEST_BUSY);
    for (int fd; (fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
        client *c = p->clients;
        while (c < p->clients + CLIENTS && c->fd >= 0) c++;
        if (c < p->clients + CLIENTS) {
            *c = (client){.fd = fd, .since = dnx_now()};
            continue;
        }
        (void)!send(fd, busy, strlen(busy), MSG_DONTWAIT | MSG_NOSIGNAL);
        close(fd);
    }
    /* accept4() failed, probably because too many files are open. Without this wait, the thread
     * would try again at once, all the time. */
    if (errno != EAGAIN && errno != EINTR) poll(NULL, 0, TICK);
}

/* ---- the thread ---- */

/* Copies the new points of p->curve to p->seen. Returns true when the run is over. */
static bool look(dnx_page *p) {
    pthread_mutex_lock(&p->lock);
    const bool ends = p->ends;
    if (p->seen.n != p->curve.n || p->seen.version != p->curve.version)
        dnx_curve_copy(&p->seen, &p->curve);
    pthread_mutex_unlock(&p->lock);
    return ends;
}

/* Waits at most `wait` ms for clients and new connections, and serves them. */
static void turn(dnx_page *p, int wait) {
    struct pollfd list[CLIENTS + 1];
    for (int i = 0; i < CLIENTS; i++) {
        const client *c = &p->clients[i];
        list[i] = (struct pollfd){c->fd, (short)(POLLIN | (c->sent < c->len ? POLLOUT : 0)), 0};
    }
    list[CLIENTS] = (struct pollfd){p->fd, POLLIN, 0};
    if (poll(list, CLIENTS + 1, wait) < 0) return;
    for (int i = 0; i < CLIENTS; i++) {
        client *c = &p->clients[i];
        if (c->fd >= 0 && !serve(p, c, list[i].revents)) drop(c);
    }
    if (list[CLIENTS].revents) welcome(p);
}

static void say_end(dnx_page *p) {
    const double start = dnx_now();
    bool waits = true;
    close(p->fd);
    p->fd = -1;
    for (int i = 0; i < CLIENTS; i++) {
        client *c = &p->clients[i];
        if (c->fd < 0) continue;
        if (c->stage != LISTENS || !give_points(p, c) || !give_text(c, "event: end\ndata:\n\n"))
            drop(c);
        else c->stage = TAKES;
    }
    while (waits && dnx_now() - start < END_SECONDS) {
        turn(p, 20);
        waits = false;
        for (int i = 0; i < CLIENTS; i++) waits |= p->clients[i].fd >= 0;
    }
}

static void *run(void *arg) {
    dnx_page *p = arg;
    while (!look(p)) turn(p, TICK);
    say_end(p);
    return NULL;
}

/* ---- for the training thread ---- */

dnx_status dnx_page_listen(int port, dnx_page **out, dnx_err *err) {
    const struct sockaddr_in at = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    dnx_page *p = *out = calloc(1, sizeof *p);
    if (!p) return dnx_fail_at(err, DNX_EMEM, NULL, "-port %d: no memory", port);
    for (int i = 0; i < CLIENTS; i++) p->clients[i].fd = -1;
    pthread_mutex_init(&p->lock, NULL);
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p->fd >= 0) setsockopt(p->fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (p->fd < 0 || bind(p->fd, (const struct sockaddr *)&at, sizeof at) || listen(p->fd, CLIENTS))
        return dnx_fail_at(err, DNX_EIO, NULL, "-port %d: 127.0.0.1:%d: %s", port, port,
                           strerror(errno));
    return DNX_OK;
}

/* Returns the event "run", which the caller frees. Control characters in the name become '?'. */
static char *hello(const char *name, uint64_t last, const char *titles) {
    char *text;
    if (asprintf(&text, "event: run\ndata: %llu\ndata: %s\ndata: %s\n\n", (unsigned long long)last,
                 titles, name) < 0)
        return NULL;
    for (char *c = text + strlen(text) - 2 - strlen(name); c < text + strlen(text) - 2; c++)
        if ((unsigned char)*c < ' ') *c = '?';
    return text;
}

static dnx_status add_kept(dnx_curve *c, const dnx_log *log, dnx_err *err) {
    size_t n;
    char *file = log->file.kept ? dnx_file_read_unnoted(log->path, SIZE_MAX / 2, &n) : NULL;
    if (log->file.kept && !file)
        return dnx_fail_at(err, DNX_EIO, log->path, "cannot read: %s", strerror(errno));
    if (file && n > log->file.kept) n = log->file.kept;
    for (char *line = file, *end; file && (end = memchr(line, '\n', (size_t)(file + n - line)));
         line = end + 1)
        dnx_curve_add(c, line);
    free(file);
    for (const char *line = log->text; line && *line; line = strchr(line, '\n') + 1)
        dnx_curve_add(c, line);
    return DNX_OK;
}

static dnx_status start_thread(dnx_page *p, dnx_err *err) {
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* the new thread gets no signals */
    int failed = pthread_create(&p->thread, NULL, run, p);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    p->is_running = !failed;
    return failed ? dnx_fail_at(err, DNX_EMEM, NULL, "-port: %s", strerror(failed)) : DNX_OK;
}

dnx_status dnx_page_start(dnx_page *p, const char *name, uint64_t last, const dnx_net *net,
                          const dnx_log *log, dnx_err *err) {
    char *titles = dnx_log_titles(log, net);
    int columns = 1;
    for (const char *c = titles; c && *c; c++) columns += *c == ',';
    if (titles) p->hello = hello(name, last, titles);
    free(titles);
    if (!p->hello) return dnx_fail_at(err, DNX_EMEM, NULL, "-port: no memory");
    dnx_status st = dnx_curve_make(&p->curve, columns, err);
    if (!st) st = dnx_curve_make(&p->seen, columns, err);
    if (!st) st = add_kept(&p->curve, log, err);
    return st ? st : start_thread(p, err);
}

void dnx_page_line(dnx_page *p, const dnx_log *log) {
    const char *line = p ? dnx_log_last(log) : NULL;
    if (!line) return;
    pthread_mutex_lock(&p->lock);
    dnx_curve_add(&p->curve, line);
    pthread_mutex_unlock(&p->lock);
}

void dnx_page_close(dnx_page *p) {
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->ends = true;
    dnx_curve_end(&p->curve);
    pthread_mutex_unlock(&p->lock);
    if (p->is_running) pthread_join(p->thread, NULL);
    for (int i = 0; i < CLIENTS; i++) drop(&p->clients[i]);
    if (p->fd >= 0) close(p->fd);
    dnx_curve_free(&p->curve);
    dnx_curve_free(&p->seen);
    pthread_mutex_destroy(&p->lock);
    free(p->hello);
    free(p);
}
