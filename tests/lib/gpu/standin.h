/* standin.h - what the files of the stand-in driver share. OK, INVALID ... are results of CUDA. */
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
    bool waits;  /* the threads of a block wait for one another */
} kernel;

/* Functions of the driver that may fail call enter() first. It counts the call, and returns 0, or
 * the error that the function must return: of a lost device, of STANDIN_FAIL, or of a missing
 * context. */
int enter(const char *name);
#define ENTER(name)                                                                                \
    do {                                                                                           \
        int r_ = enter(name);                                                                      \
        if (r_) return r_;                                                                         \
    } while (0)
/* After lose_device(r) enter() and lost() return r. Before, lost() returns 0. */
void lose_device(int result);
int lost(void);

/* Return true when all bytes are in allocated memory of the device, or in pinned memory. */
bool is_of_device(pointer p, size_t bytes);
bool is_pinned(const void *p, size_t bytes);

/* Runs all work that is queued in any stream. */
void run_all_streams(void);
/* Prints how many streams, events and graphs were not freed. With STANDIN_SAY also prints how many
 * kernels were started alone, and how many by graphs. */
void report_streams(void);
#endif
