/* scan.h - checks all images of a list in threads. */
#ifndef DNX_SCAN_H
#define DNX_SCAN_H
#include "data/data.h"

/* Drops the broken images of d and reports them to d->report. Sets listed, broken, content and
 * is_sampled of d. Errors: DNX_EIO when d has no images or too many, or when more than 1 % are
 * broken; DNX_ESTOP after a signal; DNX_EMEM. */
dnx_status dnx_scan(dnx_data *d, dnx_err *err);

/* Calls fn(arg, lo, hi) for parts lo..hi-1 of 0..n-1. Runs in the calling thread and up to 8
 * others, even on fewer processors, because most threads wait for the disk. */
void dnx_side_by_side(size_t n, void (*fn)(void *arg, size_t lo, size_t hi), void *arg);
#endif
