/* clock.h - time for measuring, messages and pauses. No result depends on it. */
#ifndef DNX_CLOCK_H
#define DNX_CLOCK_H
#include <stddef.h>

double dnx_now(void); /* seconds since a fixed moment; never decreases */
/* Writes the local date and time to out (size >= 26 bytes), as "2026-11-26 09:40:12 +0000". */
void dnx_clock_text(char *out, size_t size);
#endif
