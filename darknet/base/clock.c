/* clock.c - the time, for measuring and for messages. */
#include "base/clock.h"

#include <time.h>

double dnx_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void dnx_clock_text(char *out, size_t size) {
    time_t now = time(NULL);
    struct tm parts;
    *out = 0;
    if (localtime_r(&now, &parts)) strftime(out, size, "%Y-%m-%d %H:%M:%S %z", &parts);
}
