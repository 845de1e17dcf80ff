/* lock.h - a lock file that only one process can hold, with a line about the holder. The system
 * releases the lock when the process ends, so a lock file that remains on disk blocks nobody. */
#ifndef DNX_LOCK_H
#define DNX_LOCK_H
#include <stdbool.h>

#include "base/err.h"

typedef struct dnx_lock dnx_lock;

/* Creates and locks the file `path`. On a file system without locks, only creates it. Errors:
 * DNX_EIO when the file cannot be created, or when another process holds the lock ("is in use by
 * process 4711 on HOST since DATE TIME: COMMAND"); DNX_EMEM. */
dnx_status dnx_lock_take(dnx_lock **lock, const char *path, dnx_err *err);

/* Like dnx_lock_take(), but while another process holds the lock, calls waiting() five times a
 * second. The argument `holder` of waiting() is "process 4711 on HOST ...". Returns DNX_EIO when
 * waiting() returns false. */
dnx_status dnx_lock_wait(dnx_lock **lock, const char *path,
                         bool (*waiting)(void *arg, const char *holder), void *arg, dnx_err *err);

/* Removes the lock file and releases the lock. lock may be NULL. */
void dnx_lock_release(dnx_lock *lock);
#endif
