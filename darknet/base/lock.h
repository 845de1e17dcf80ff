/* lock.h - a lock file, which only one process can hold at a time. The file contains a line about
 * its holder. The system releases the lock when the holder ends in any way, so a lock file that
 * remains on disk blocks no process. */
#ifndef DNX_LOCK_H
#define DNX_LOCK_H
#include <stdbool.h>

#include "base/err.h"

typedef struct dnx_lock dnx_lock;

/* Takes the lock of the file `path`, such as backup/NAME.lock or CACHE.lock, and creates the file.
 * Returns DNX_EIO when another process holds the lock ("is in use by process 4711 on HOST since
 * DATE TIME: COMMAND"), or when the file cannot be created. DNX_EMEM. On a file system without
 * locks, returns DNX_OK and locks nothing. */
dnx_status dnx_lock_take(dnx_lock **lock, const char *path, dnx_err *err);

/* Like dnx_lock_take(), but waits while another process holds the lock. Five times a second it
 * calls waiting(arg, holder); `holder` is "process 4711 on HOST since DATE TIME: COMMAND". When
 * waiting() returns false, returns DNX_EIO. */
dnx_status dnx_lock_wait(dnx_lock **lock, const char *path,
                         bool (*waiting)(void *arg, const char *holder), void *arg, dnx_err *err);

/* Removes the lock file and releases the lock. lock may be NULL. */
void dnx_lock_release(dnx_lock *lock);
#endif
