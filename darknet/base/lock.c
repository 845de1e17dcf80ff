/* lock.c - locks that only one process can hold at a time. */
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TEXT = 400, TRIES = 100, WAIT_MS = 200 };

struct dnx_lock {
    char *path;
    int fd;
};

static void command_line(char *text, size_t n) {
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, text, n - 1);
    if (fd >= 0) close(fd);
    text[got > 0 ? got : 0] = 0;
    for (ssize_t i = 0; i + 1 < got; i++)
        if (text[i] == 0 || text[i] == '\n') text[i] = ' ';
}

/* Writes a line about this process into the lock file. Ignores errors: other processes then call
 * the holder "another process". */
static void write_holder(int fd) {
    char host[65] = "", since[32] = "", command[200], text[TEXT];
    time_t now = time(NULL);
    struct tm local;
    if (gethostname(host, sizeof host - 1)) strcpy(host, "?");
    if (localtime_r(&now, &local)) strftime(since, sizeof since, "%Y-%m-%d %H:%M:%S", &local);
    command_line(command, sizeof command);
    int n = snprintf(text, sizeof text, "process %ld on %s since %s: %s\n", (long)getpid(), host,
                     since, command);
    if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)n, 0) != n) (void)ftruncate(fd, 0);
}

static void read_holder(int fd, char text[TEXT]) {
    const struct timespec moment = {0, 10000000};
    ssize_t n = 0;
    for (int i = 0; i < 20 && (n = pread(fd, text, TEXT - 1, 0)) <= 0; i++)
        nanosleep(&moment, NULL); /* the holder has not written its line yet */
    text[n > 0 ? n : 0] = 0;
    text[strcspn(text, "\n")] = 0;
    if (!*text) strcpy(text, "another process");
}

static bool is_same_file(int fd, const char *path) {
    struct stat a, b;
    return !fstat(fd, &a) && !stat(path, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

typedef enum { TAKEN, HELD, FAILED } outcome;

/* Tries to take the lock without waiting. When TAKEN, *fd is the open lock file, or -1 on a file
 * system without locks. When HELD, `holder` describes the process that has the lock. */
static outcome try(const char *path, int *fd, char holder[TEXT]) {
    for (int i = 0; i < TRIES; i++) {
        *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (*fd < 0) return FAILED;
        if (flock(*fd, LOCK_EX | LOCK_NB)) {
            const int why = errno;
            if (why == EWOULDBLOCK) read_holder(*fd, holder);
            else unlink(path);
            close(*fd);
            *fd = -1;
            return why == EWOULDBLOCK ? HELD : TAKEN;
        }
        if (is_same_file(*fd, path)) {
            write_holder(*fd);
            return TAKEN;
        }
        close(*fd); /* the last holder has removed this file */
    }
    errno = EAGAIN;
    return FAILED;
}

dnx_status dnx_lock_wait(dnx_lock **out, const char *path,
                         bool (*waiting)(void *arg, const char *holder), void *arg, dnx_err *err) {
    const struct timespec pause = {0, WAIT_MS * 1000000L};
    char holder[TEXT];
    outcome got;
    *out = NULL;
    dnx_lock *l = calloc(1, sizeof *l);
    if (!l || !(l->path = strdup(path))) {
        free(l);
        return dnx_no_memory(path, err);
    }
    while ((got = try(path, &l->fd, holder)) == HELD && waiting && waiting(arg, holder))
        nanosleep(&pause, NULL);
    if (got == TAKEN) {
        *out = l;
        return DNX_OK;
    }
    dnx_status st = got == HELD
                        ? dnx_fail_at(err, DNX_EIO, path, "is in use by %s", holder)
                        : dnx_fail_at(err, DNX_EIO, path, "cannot lock: %s", strerror(errno));
    free(l->path);
    free(l);
    return st;
}

dnx_status dnx_lock_take(dnx_lock **lock, const char *path, dnx_err *err) {
    return dnx_lock_wait(lock, path, NULL, NULL, err);
}

void dnx_lock_release(dnx_lock *l) {
    if (!l) return;
    if (l->fd >= 0) {
        unlink(l->path); /* must precede close(), which lets another process lock the file */
        close(l->fd);
    }
    free(l->path);
    free(l);
}
