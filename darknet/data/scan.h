/* scan.h - checks all images of a list in threads. */
#ifndef DNX_SCAN_H
#define DNX_SCAN_H
#include "data/data.h"

/* Drops the broken images of d and reports them, in order, to broken(arg, name, why), which may be
 * NULL. When more than 1 % are broken, reports only the first 20. Sets d's listed, broken, content
 * and is_sampled. DNX_EIO when there are no images, or more than 1 % are broken. DNX_ESTOP when a
 * signal stopped the scan. DNX_EMEM. */
dnx_status dnx_scan(dnx_data *d, void (*broken)(void *, const char *, const char *), void *arg,
                    dnx_err *err);

/* Divides 0..n-1 into parts lo..hi-1 and calls fn(arg, lo, hi) for each part, in the calling thread
 * and up to 8 others. Returns when all parts are done. There are 8 on any computer, because most of
 * them wait for the disk. */
void dnx_side_by_side(size_t n, void (*fn)(void *arg, size_t lo, size_t hi), void *arg);
#endif
