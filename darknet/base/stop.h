/* stop.h - a flag that asks the process to stop. Long work (a scan, a cache, verification, low
 * rank, drawing, training) checks the flag now and then, saves its results, and returns. */
#ifndef DNX_STOP_H
#define DNX_STOP_H
#include <stdbool.h>

#include "base/err.h"

/* After this call, SIGINT, SIGTERM, SIGHUP, SIGXCPU, SIGUSR1 and SIGPIPE (a closed pipe) set the
 * flag instead of ending the process; a second SIGINT ends the process at once. Signals ignored
 * when the process started (nohup) stay ignored. SIGXFSZ (a file too long) is a write error. */
void dnx_stop_on_signals(void);
/* Returns true after a signal has asked to stop. Always false before dnx_stop_on_signals(). */
bool dnx_stop_asked(void);
/* Fails with DNX_ESTOP, "stopped by SIGTERM", after a signal has asked to stop. */
dnx_status dnx_stop_check(dnx_err *err);
/* Waits and returns true. Returns false at once when a signal asks to stop. */
bool dnx_stop_sleep(double seconds);
#endif
