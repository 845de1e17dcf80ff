/* stop.h - one flag that asks for a clean end. Whatever takes long (a scan, a cache, verification,
 * low rank, drawing, training) looks at it now and then, saves what it has, and returns. */
#ifndef DNX_STOP_H
#define DNX_STOP_H
#include <stdbool.h>

#include "base/err.h"

/* From here on SIGINT, SIGTERM, SIGHUP, SIGXCPU, SIGUSR1 and a closed pipe (SIGPIPE) set the flag
 * instead of ending the process; a second SIGINT ends it at once. A signal that the process was
 * started to ignore stays ignored (nohup). A file larger than the limit (SIGXFSZ) becomes an error
 * of the write. */
void dnx_stop_on_signals(void);
/* Whether a signal asked for the end. Never true before dnx_stop_on_signals(). */
bool dnx_stop_asked(void);
/* The same as an error: DNX_ESTOP, "stopped by SIGTERM". */
dnx_status dnx_stop_check(dnx_err *err);
/* Waits, less long when the end is asked for. false: it is. */
bool dnx_stop_sleep(double seconds);
#endif
