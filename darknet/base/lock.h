/* lock.h - one process at a time: a lock file. A second process finds it locked, and in it a line
 * that says who holds it. The system unlocks the file when its process dies in any way; a file that
 * remains then blocks no process. */
#ifndef DNX_LOCK_H
#define DNX_LOCK_H
#include <stdbool.h>

#include "base/err.h"

typedef struct dnx_lock dnx_lock;

/* Takes the lock with the file `path`, for instance backup/NAME.lock or CACHE.lock. DNX_EIO:
 * another process holds it ("is in use by process 4711 on HOST since DATE TIME: COMMAND"), or the
 * file cannot be made. DNX_EMEM. On a file system without locks it succeeds without any effect. */
dnx_status dnx_lock_take(dnx_lock **lock, const char *path, dnx_err *err);

/* Takes the lock, and waits for its holder. While it waits, it calls waiting(arg, holder) five
 * times a second; `holder` is "process 4711 on HOST since DATE TIME: COMMAND". When that returns
 * false it stops waiting and returns DNX_EIO as above. */
dnx_status dnx_lock_wait(dnx_lock **lock, const char *path,
                         bool (*waiting)(void *arg, const char *holder), void *arg, dnx_err *err);

/* Removes the file and releases the lock, which may be NULL. */
void dnx_lock_release(dnx_lock *lock);
#endif
