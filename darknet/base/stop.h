/* stop.h - a flag that asks the process to stop. Long work checks it now and then. */
#ifndef DNX_STOP_H
#define DNX_STOP_H
#include <stdbool.h>

#include "base/err.h"

/* After this call, signals such as SIGINT, SIGTERM and SIGPIPE set the flag. A second SIGINT ends
 * the process. A signal that the process ignores stays ignored, as under nohup. The function also
 * ignores SIGXFSZ, so that a file over the size limit gives a write error. */
void dnx_stop_on_signals(void);
/* Returns true after a signal has set the flag. */
bool dnx_stop_asked(void);
/* After a signal has asked to stop, fails with DNX_ESTOP, for example "stopped by SIGTERM". */
dnx_status dnx_stop_check(dnx_err *err);
/* Waits for `seconds` and returns true. When a signal asks to stop, ends the wait early and returns
 * false. */
bool dnx_stop_sleep(double seconds);
#endif
