/* clock.h - time for people and for pauses. No result depends on it. */
#ifndef DNX_CLOCK_H
#define DNX_CLOCK_H
#include <stddef.h>

double dnx_now(void); /* seconds since some fixed moment; never goes back */
/* The date and time here, "2026-11-26 09:40:12 +0000", in at least 26 bytes. */
void dnx_clock_text(char *out, size_t room);
#endif
