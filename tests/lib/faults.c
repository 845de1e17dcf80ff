/* faults.c - a library for LD_PRELOAD that makes chosen system calls fail or raise a signal.
 *
 * FAULTS="CALLS:TEXT:FROM:COUNT:WHAT" makes COUNT calls fail:
 *   CALLS  a name in the table `calls`; "all": all its names; "files": all except fork and thread
 *   TEXT   only calls on files with TEXT in the absolute path count; each fork and thread counts
 *   FROM   the number of the first call that fails; the first counted call has number 1
 *   WHAT   the errno; 0: an errno of the table; -SIGNAL: the call raises SIGNAL, then does its work
 * FAULTS_LOG=FILE    gets a line "NAME ERRNO PATH" for each failed call; with COUNT=0 for all calls
 * FAULTS_COUNT=FILE  processes with the same FILE number their calls together
 * PAGES=N            sysconf() reports N pages of memory */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    int why[2];
} calls[] = {
    {"open", {EMFILE, EACCES}}, {"read", {EIO, EIO}},         {"write", {ENOSPC, EIO}},
    {"fsync", {EIO, ENOSPC}},   {"rename", {EACCES, EIO}},    {"mkdir", {EACCES, ENOSPC}},
    {"mmap", {ENOMEM, ENOMEM}}, {"close", {EIO, ENOSPC}},     {"ftruncate", {EIO, EIO}},
    {"fork", {EAGAIN, ENOMEM}}, {"thread", {EAGAIN, EAGAIN}},
};
enum { OPEN, READ, WRITE, FSYNC, RENAME, MKDIR, MMAP, CLOSE, FTRUNCATE, FORK, THREAD };

static struct {
    char calls[20], text[400];
    int from, count, what;
    bool on;
} set;
static atomic_int own;
static atomic_int *counted = &own;

static long raw_open(const char *path, int flags) {
    return syscall(SYS_openat, AT_FDCWD, path, flags, 0666);
}

__attribute__((constructor)) static void start(void) {
    const char *faults = getenv("FAULTS"), *path = getenv("FAULTS_COUNT");
    set.on = faults && sscanf(faults, "%19[^:]:%399[^:]:%d:%d:%d", set.calls, set.text, &set.from,
                              &set.count, &set.what) == 5;
    int fd = set.on && path ? (int)raw_open(path, O_RDWR | O_CREAT | O_CLOEXEC) : -1;
    if (fd < 0 || syscall(SYS_ftruncate, fd, sizeof own)) return;
    void *p = (void *)syscall(SYS_mmap, 0, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED) counted = p;
    syscall(SYS_close, fd);
}

static void note(int call, int why, const char *path) {
    char line[500];
    const char *log = getenv("FAULTS_LOG");
    int fd = log ? (int)raw_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC) : -1;
    int n = snprintf(line, sizeof line, "%s %d %s\n", calls[call].name, why, path);
    if (fd < 0) return;
    syscall(SYS_write, fd, line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
    syscall(SYS_close, fd);
}

static bool concerns(int call) {
    bool is_file = call != FORK && call != THREAD;
    return set.on && (!strcmp(set.calls, "all") || !strcmp(set.calls, calls[call].name) ||
                      (is_file && !strcmp(set.calls, "files")));
}

/* Counts a call, and may raise a signal. Returns true and sets errno when the call must fail, else
 * keeps errno. */
static bool counts(int call, const char *path) {
    int n = atomic_fetch_add(counted, 1) + 1, before = errno;
    int why = set.what ? set.what : calls[call].why[n % 2];
    bool hits = n >= set.from && n - set.from < set.count;
    if (hits || !set.count) note(call, why, path);
    if (hits && why < 0) raise(-why);
    errno = hits && why > 0 ? why : before;
    return hits && why > 0;
}

static bool fails_at(int call, int folder, const char *path) {
    char full[1000], link[40], where[500] = "";
    if (!concerns(call)) return false;
    if (*path != '/') {
        int before = errno;
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t n = folder == AT_FDCWD ? -1 : readlink(link, where, sizeof where - 1);
        if (n < 0 && !getcwd(where, sizeof where)) *where = 0;
        errno = before;
        snprintf(full, sizeof full, "%s/%s", where, path);
        path = full;
    }
    return strstr(path, set.text) && counts(call, path);
}

static bool fails(int call, const char *path) { return fails_at(call, AT_FDCWD, path); }

static bool fails_fd(int call, int fd) {
    char link[40], path[500] = "";
    int before = errno;
    if (!concerns(call) || fd < 0) return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    errno = before;
    return n > 0 && strstr(path, set.text) && counts(call, path);
}

static bool fails_stream(int call, FILE *f) {
    if (!f || !fails_fd(call, fileno(f))) return false;
    f->_flags |= 0x20; /* glibc's _IO_ERR_SEEN */
    return true;
}

#define NEXT(name)                                                                                 \
    __typeof__(&name) next;                                                                        \
    *(void **)&next = dlsym(RTLD_NEXT, #name)

static mode_t mode_of(int flags, va_list args) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

#define OPENS(name)                                                                                \
    int name(const char *path, int flags, ...) {                                                   \
        NEXT(name);                                                                                \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode_t mode = mode_of(flags, args);                                                        \
        va_end(args);                                                                              \
        return fails(OPEN, path) ? -1 : next(path, flags, mode);                                   \
    }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name)                                                                             \
    int name(int folder, const char *path, int flags, ...) {                                       \
        NEXT(name);                                                                                \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode_t mode = mode_of(flags, args);                                                        \
        va_end(args);                                                                              \
        return fails_at(OPEN, folder, path) ? -1 : next(folder, path, flags, mode);                \
    }
OPENS_AT(openat)
OPENS_AT(openat64)

/* Defines a function that returns `value` when `failure` is true, else calls libc's function. */
#define WRAP(type, name, params, args, failure, value)                                             \
    type name params {                                                                             \
        NEXT(name);                                                                                \
        return (failure) ? (value) : next args;                                                    \
    }
WRAP(FILE *, fopen, (const char *path, const char *mode), (path, mode), fails(OPEN, path), NULL)
WRAP(FILE *, fopen64, (const char *path, const char *mode), (path, mode), fails(OPEN, path), NULL)
WRAP(DIR *, opendir, (const char *path), (path), fails(OPEN, path), NULL)
WRAP(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n), fails_fd(READ, fd), -1)
WRAP(ssize_t, pread, (int fd, void *p, size_t n, off_t at), (fd, p, n, at), fails_fd(READ, fd), -1)
WRAP(ssize_t, pread64, (int fd, void *p, size_t n, off64_t at), (fd, p, n, at), fails_fd(READ, fd),
     -1)
WRAP(size_t, fread, (void *p, size_t size, size_t n, FILE *f), (p, size, n, f),
     fails_stream(READ, f), 0)
WRAP(ssize_t, getline, (char **line, size_t *room, FILE *f), (line, room, f), fails_stream(READ, f),
     -1)
WRAP(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n), fails_fd(WRITE, fd), -1)
WRAP(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at),
     fails_fd(WRITE, fd), -1)
WRAP(ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at),
     fails_fd(WRITE, fd), -1)
WRAP(size_t, fwrite, (const void *p, size_t size, size_t n, FILE *f), (p, size, n, f),
     fails_stream(WRITE, f), 0)
WRAP(int, fflush, (FILE * f), (f), fails_stream(WRITE, f), EOF)
WRAP(int, fsync, (int fd), (fd), fails_fd(FSYNC, fd), -1)
WRAP(int, fdatasync, (int fd), (fd), fails_fd(FSYNC, fd), -1)
WRAP(int, rename, (const char *a, const char *b), (a, b), fails(RENAME, b), -1)
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), fails(MKDIR, path), -1)
WRAP(int, ftruncate, (int fd, off_t n), (fd, n), fails_fd(FTRUNCATE, fd), -1)
WRAP(int, ftruncate64, (int fd, off64_t n), (fd, n), fails_fd(FTRUNCATE, fd), -1)
WRAP(void *, mmap, (void *p, size_t n, int prot, int flags, int fd, off_t at),
     (p, n, prot, flags, fd, at), fails_fd(MMAP, fd), MAP_FAILED)
WRAP(void *, mmap64, (void *p, size_t n, int prot, int flags, int fd, off64_t at),
     (p, n, prot, flags, fd, at), fails_fd(MMAP, fd), MAP_FAILED)
WRAP(pid_t, fork, (void), (), concerns(FORK) && counts(FORK, "-"), -1)
WRAP(int, pthread_create,
     (pthread_t *restrict t, const pthread_attr_t *restrict a, void *(*f)(void *),
      void *restrict arg),
     (t, a, f, arg), concerns(THREAD) && counts(THREAD, "-"), errno)

/* Linux closes the file even when close() returns an error. So this function always calls libc's
 * close(), and returns the error afterwards. */
int close(int fd) {
    NEXT(close);
    bool bad = fails_fd(CLOSE, fd);
    int why = errno, status = next(fd);
    if (bad) errno = why;
    return bad ? -1 : status;
}

int fclose(FILE *f) {
    NEXT(fclose);
    bool bad = fails_fd(CLOSE, fileno(f));
    int why = errno, status = next(f);
    if (bad) errno = why;
    return bad ? EOF : status;
}

long sysconf(int name) {
    NEXT(sysconf);
    const char *pages = getenv("PAGES");
    return name == _SC_PHYS_PAGES && pages ? atol(pages) : next(name);
}
