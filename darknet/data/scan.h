/* scan.h - checks every image of a list, several at a time. */
#ifndef DNX_SCAN_H
#define DNX_SCAN_H
#include "data/data.h"

/* Drops files that are not images, reports them in order, and sets listed, broken, content and
 * is_sampled. DNX_EIO when there are no images, or more than 1 % of them are broken. DNX_ESTOP. */
dnx_status dnx_scan(dnx_data *d, void (*broken)(void *, const char *, const char *), void *arg,
                    dnx_err *err);

/* Divides 0..n-1 into parts and calls fn(arg, lo, hi) for each, in threads; returns when all are
 * done. There are more threads than processors, because most of them wait for a disk. */
void dnx_side_by_side(size_t n, void (*fn)(void *arg, size_t lo, size_t hi), void *arg);
#endif
