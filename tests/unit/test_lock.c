/* test_lock.c - a lock between processes: held, released, and after a kill of its holder. */
#include "lib/check.h"

#include <errno.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/lock.h"

/* In place of the C library's flock(): with `no_locks`, a file system that has no locks. */
static bool no_locks;
int flock(int fd, int operation) {
    if (!no_locks) return (int)syscall(SYS_flock, fd, operation);
    errno = ENOLCK;
    return -1;
}

/* Returns a child that holds the lock until it is killed. */
static pid_t holder(const char *name) {
    int ends[2];
    char byte;
    must(!pipe(ends), "pipe");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        dnx_lock *l;
        byte = dnx_lock_take(&l, name, NULL) ? 'n' : 'y';
        if (write(ends[1], &byte, 1) != 1) _exit(1);
        for (;;) pause();
    }
    close(ends[1]);
    must(read(ends[0], &byte, 1) == 1 && byte == 'y', "the child has the lock");
    close(ends[0]);
    return child;
}

static void end(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void held(void) {
    char want[300];
    dnx_lock *l;
    dnx_err err = {0};
    pid_t child = holder(path("a.lock"));
    dnx_status st = dnx_lock_take(&l, path("a.lock"), &err);
    snprintf(want, sizeof want, "%s: is in use by process %ld on ", path("a.lock"), (long)child);
    check(st == DNX_EIO && !l && !strncmp(err.text, want, strlen(want)), "%s", err.text);
    check(strstr(err.text, " since 2") && strstr(err.text, "test_lock"), "%s", err.text);
    end(child);
    check(!access(path("a.lock"), F_OK), "a killed process left no lock file to take over");
    err = (dnx_err){0};
    check(!dnx_lock_take(&l, path("a.lock"), &err), "of a dead process: %s", err.text);
    dnx_lock_release(l);
    check(access(path("a.lock"), F_OK), "a released lock leaves its file");
    dnx_lock_release(NULL);
}

typedef struct {
    pid_t child;
    int calls;
    bool gives_up;
    char text[400];
} watch;

static bool waiting(void *arg, const char *who) {
    watch *w = arg;
    snprintf(w->text, sizeof w->text, "%s", who);
    if (++w->calls == 2 && w->child) end(w->child);
    return !w->gives_up;
}

static void waits(void) {
    dnx_lock *l;
    dnx_err err = {0};
    watch w = {.child = holder(path("b.lock"))};
    check(!dnx_lock_wait(&l, path("b.lock"), waiting, &w, &err), "%s", err.text);
    check(w.calls >= 2 && !strncmp(w.text, "process ", 8), "%d calls: %s", w.calls, w.text);
    dnx_lock_release(l);

    w = (watch){.gives_up = true};
    pid_t child = holder(path("b.lock"));
    check(dnx_lock_wait(&l, path("b.lock"), waiting, &w, &err) == DNX_EIO && w.calls == 1,
          "it waits on");
    end(child);
    err = (dnx_err){0};
    check(dnx_lock_take(&l, path("none/b.lock"), &err) == DNX_EIO &&
              strstr(err.text, "cannot lock: No such file or directory"),
          "%s", err.text);
}

static bool patient(void *arg, const char *who) {
    (void)arg;
    (void)who;
    return true;
}

/* Several processes increase the number in a file while they hold the lock. No increase may be
 * lost. */
static void turns(void) {
    enum { PROCESSES = 6, TURNS = 5 };
    int n = 0;
    write_bytes(path("number"), &n, sizeof n);
    fflush(stdout);
    for (int i = 0; i < PROCESSES; i++)
        if (!fork()) {
            for (int k = 0; k < TURNS; k++) {
                dnx_lock *l;
                if (dnx_lock_wait(&l, path("c.lock"), patient, NULL, NULL)) _exit(1);
                if (read_bytes(path("number"), &n, sizeof n) != sizeof n) _exit(1);
                usleep(1000);
                n++;
                write_bytes(path("number"), &n, sizeof n);
                dnx_lock_release(l);
            }
            _exit(0);
        }
    for (int i = 0, status; i < PROCESSES; i++)
        check(wait(&status) > 0 && status == 0, "a process failed");
    check(read_bytes(path("number"), &n, sizeof n) == sizeof n && n == PROCESSES * TURNS,
          "%d of %d turns", n, PROCESSES * TURNS);
}

/* On a file system without locks a lock is always taken, at once, and leaves no file. */
static void without_locks(void) {
    dnx_lock *l[2];
    struct timespec from, to;
    no_locks = true;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < 2; i++) check(!dnx_lock_take(&l[i], path("d.lock"), NULL), "not taken");
    clock_gettime(CLOCK_MONOTONIC, &to);
    for (int i = 0; i < 2; i++) dnx_lock_release(l[i]);
    no_locks = false;
    const double seconds = (double)(to.tv_sec - from.tv_sec) +
                           1e-9 * (double)(to.tv_nsec - from.tv_nsec);
    check(seconds < .2, "it waited %.2f s for a holder", seconds);
    check(access(path("d.lock"), F_OK), "the file stays");
}

int main(void) {
    make_folder();
    held();
    waits();
    without_locks();
    turns();
    return summary();
}
