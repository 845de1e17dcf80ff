/* clock.h - time that only goes forward, in seconds from some moment. */
#ifndef DNX_CLOCK_H
#define DNX_CLOCK_H

double dnx_now(void);
#endif
