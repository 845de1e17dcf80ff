/* standin.h - declarations that the files of the stand-in CUDA driver share. OK, INVALID and so on
 * have the values of CUDA's error codes. */
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
    size_t size;
    bool waits; /* the threads of a block wait for one another */
} kernel;

/* Counts a call of the driver's function `name`. Returns the error it must return, or 0. */
int enter(const char *name);
#define ENTER(name)                                                                                \
    do {                                                                                           \
        int r_ = enter(name);                                                                      \
        if (r_) return r_;                                                                         \
    } while (0)
/* After lose_device(result), all functions of the driver return `result`. lost() returns it, or 0
 * while the device is not lost. */
void lose_device(int result);
int lost(void);

bool is_of_device(pointer p, size_t bytes);  /* all bytes lie in one block of device memory */
bool is_pinned(const void *p, size_t bytes); /* all bytes lie in one block of pinned memory */

/* Runs the waiting work of all streams. */
void run_all_streams(void);
/* Prints how many streams, events and graphs were not freed. */
void report_streams(void);
/* Marks the graphs that copy or clear memory of this freed block. They stay marked even when a new
 * block gets the same address. */
void make_graphs_stale(const char *freed, size_t bytes);
#endif
