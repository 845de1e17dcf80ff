/* standin.h - the structs and functions that the files of the stand-in driver share. */
#ifndef STANDIN_H
#define STANDIN_H
#include <stdbool.h>
#include <stddef.h>

typedef unsigned long long pointer;
// clang-format off
enum { OK = 0, INVALID = 1, NO_MEMORY = 2, NO_DEVICE = 100, BAD_DEVICE = 101, NO_CONTEXT = 201,
       BAD_PTX = 218, OLD_DRIVER = 222, NOT_FOUND = 500, CAPTURE_UNSUPPORTED = 900,
       CAPTURE_INVALIDATED = 901 };
// clang-format on

typedef struct {
    const char *name;
    void (*call)(const void *args);
    size_t size; /* bytes of the arguments */
    bool waits;
} kernel;

/* Returns the result that STANDIN_FAIL gives for this call of `name`. Without a context, or after
 * the device was lost, returns that error. */
int enter(const char *name);
#define ENTER(name)                                                                                \
    do {                                                                                           \
        int r_ = enter(name);                                                                      \
        if (r_) return r_;                                                                         \
    } while (0)
/* After this call all calls fail with this result. */
void lose_device(int result);
int lost(void);

/* Returns true when all bytes are in memory that was allocated and not freed. */
bool is_of_device(pointer p, size_t bytes);
bool is_pinned(const void *p, size_t bytes);

/* Runs all work that is queued. */
void run_all_streams(void);
/* Prints the streams, events and graphs that were not freed. With STANDIN_SAY also prints how many
 * kernels were started alone and by graphs. */
void report_streams(void);
#endif
