/* standin.h - what the files of the stand-in driver share. */
#ifndef STANDIN_H
#define STANDIN_H
#include <stdbool.h>
#include <stddef.h>

typedef unsigned long long pointer;
enum { OK = 0, INVALID = 1, NO_MEMORY = 2, NO_DEVICE = 100, BAD_DEVICE = 101, NO_CONTEXT = 201,
       BAD_PTX = 218, OLD_DRIVER = 222, NOT_FOUND = 500, CAPTURE_UNSUPPORTED = 900,
       CAPTURE_INVALIDATED = 901 };

typedef struct {
    const char *name;
    void (*call)(const void *args);
    size_t size; /* of the arguments */
    bool waits;
} kernel;

/* The result that STANDIN_FAIL gives this call of `name`; without a context, or after the device
 * was lost, that error. */
int enter(const char *name);
#define ENTER(name)              \
    do {                         \
        int r_ = enter(name);    \
        if (r_) return r_;       \
    } while (0)
/* From now on all calls fail with this result. */
void lose_device(int result);
int lost(void);

/* Whether all bytes lie in memory that was allocated and not freed. */
bool is_of_device(pointer p, size_t bytes);
bool is_pinned(const void *p, size_t bytes);

/* Does all work that is queued. */
void run_all_streams(void);
/* Prints what of streams, events and graphs was not freed, and with STANDIN_SAY how many kernels
 * were started alone and by graphs. */
void report_streams(void);
#endif
