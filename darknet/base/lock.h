/* lock.h - one process at a time: a lock file that a second process finds taken, with a line that
 * tells it who holds it. The system frees the lock when its process dies, however that happens;
 * the file that may stay then blocks nobody. */
#ifndef DNX_LOCK_H
#define DNX_LOCK_H
#include <stdbool.h>

#include "base/err.h"

typedef struct dnx_lock dnx_lock;

/* Takes the lock of which `path` is the file, for instance backup/NAME.lock or CACHE.lock.
 * DNX_EIO: another process holds it ("is in use by process 4711 on HOST since DATE TIME: COMMAND"),
 * or the file cannot be made; DNX_EMEM. Where the file system has no locks it succeeds, and guards
 * nothing. */
dnx_status dnx_lock_take(dnx_lock **lock, const char *path, dnx_err *err);

/* The same, but waits for the holder. It calls waiting(arg, holder) five times a second with what
 * is known of the holder ("process 4711 on HOST since DATE TIME: COMMAND"). When that returns
 * false it stops waiting: DNX_EIO as above. */
dnx_status dnx_lock_wait(dnx_lock **lock, const char *path,
                         bool (*waiting)(void *arg, const char *holder), void *arg, dnx_err *err);

/* Removes the file and frees the lock, which may be NULL. */
void dnx_lock_release(dnx_lock *lock);
#endif
