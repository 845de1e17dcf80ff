/* page.h - a live page of a training run on 127.0.0.1, with its curves and its progress.
 *
 * A separate thread answers GET / with page.html, and GET /events with the lines of the log as
 * server-sent events.
 *
 * Events of /events, each with lines of data:
 *     run    the last batch of the run; the titles of the log, with commas; the run's name
 *     all    every point so far, each a line of the log; they replace the earlier points
 *     more   further points
 *     end    no data: the run is over
 * A long run has a point for each 2, 4, 8 ... lines of the log, see page_curve.h. */
#ifndef DNX_PAGE_H
#define DNX_PAGE_H
#include "train/log.h"

typedef struct dnx_page dnx_page;

/* Listens on a port of 127.0.0.1. Returns DNX_EIO when the port is in use or not allowed; DNX_EMEM.
 * Call dnx_page_close() also after an error. */
dnx_status dnx_page_listen(int port, dnx_page **out, dnx_err *err);
/* Starts the thread that answers browsers. The curve begins with the lines that are in the log.
 * name: the run's name; last: the run's last batch. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_page_start(dnx_page *p, const char *name, uint64_t last, const dnx_net *net,
                          const dnx_log *log, dnx_err *err);
/* Adds the newest line of the log. p may be NULL. */
void dnx_page_line(dnx_page *p, const dnx_log *log);
/* Sends "end" to the browsers, and waits for them at most half a second. p may be NULL. */
void dnx_page_close(dnx_page *p);
#endif
