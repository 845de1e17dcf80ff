/* scan.h - looks at every image, several at a time. */
#ifndef DNX_SCAN_H
#define DNX_SCAN_H
#include "data/data.h"

/* Drops what cannot be an image, reports it in order, and sets listed, broken, content
 * and is_sampled. DNX_EIO: no images, or more than 1 % broken. DNX_ESTOP. */
dnx_status dnx_scan(dnx_data *d, void (*broken)(void *, const char *, const char *), void *arg,
                    dnx_err *err);

/* Calls fn(arg, lo, hi) for pieces of 0..n-1 in threads; returns when all are done. More threads
 * than processors: a thread that waits for a disk needs none. */
void dnx_side_by_side(size_t n, void (*fn)(void *arg, size_t lo, size_t hi), void *arg);
#endif
