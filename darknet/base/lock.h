/* lock.h - a lock file, which only one process can hold. Other processes find in it a line about
 * the holder. The system unlocks the file when its process ends in any way; a file that remains
 * then blocks no process. */
#ifndef DNX_LOCK_H
#define DNX_LOCK_H
#include <stdbool.h>

#include "base/err.h"

typedef struct dnx_lock dnx_lock;

/* Takes the lock with the file `path`, for instance backup/NAME.lock or CACHE.lock. DNX_EIO when
 * another process holds it ("is in use by process 4711 on HOST since DATE TIME: COMMAND"), or the
 * file cannot be made. DNX_EMEM. On a file system without locks it succeeds without any effect. */
dnx_status dnx_lock_take(dnx_lock **lock, const char *path, dnx_err *err);

/* Takes the lock, and waits while another process holds it. While it waits, it calls
 * waiting(arg, holder) five times a second; `holder` is "process 4711 on HOST since DATE TIME:
 * COMMAND". When waiting() returns false it stops and returns DNX_EIO as above. */
dnx_status dnx_lock_wait(dnx_lock **lock, const char *path,
                         bool (*waiting)(void *arg, const char *holder), void *arg, dnx_err *err);

/* Removes the file and releases the lock, which may be NULL. */
void dnx_lock_release(dnx_lock *lock);
#endif
