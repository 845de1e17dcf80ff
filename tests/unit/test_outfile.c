/* test_outfile.c - writing files: refused, unchanged and temporary files. */
#include "lib/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <utime.h>

#include "base/files.h"
#include "base/inputs.h"
#include "base/outfile.h"

static bool holds(const char *name, const char *text) {
    char got[100] = "";
    size_t n = read_bytes(name, got, sizeof got);
    return n == strlen(text) && !memcmp(got, text, n);
}

static int mode_of(const char *name) {
    struct stat s;
    return stat(name, &s) ? -1 : (int)(s.st_mode & 07777);
}

static int leftovers(void) {
    char line[300];
    int n = -1;
    snprintf(line, sizeof line, "find %s -name '*.tmp' | wc -l", folder);
    FILE *f = popen(line, "r");
    if (f && fscanf(f, "%d", &n) != 1) n = -1;
    if (f) pclose(f);
    return n;
}

static bool writes(const char *name, const char *text) {
    dnx_err err = {0};
    return check(!dnx_outfile_write(name, text, strlen(text), &err), "%s: %s", name, err.text);
}

static void refuses(const char *name, const char *why) {
    char want[600];
    snprintf(want, sizeof want, "%s: cannot write: %s", name, why);
    for (int tries = 0; tries < 2; tries++) {
        dnx_err err = {0};
        dnx_status st = tries ? dnx_outfile_try(name, &err) : dnx_outfile_write(name, "x", 1, &err);
        check(st == DNX_EIO && !strcmp(err.text, want), "status %d\n  expected: %s\n  got:      %s",
              (int)st, want, err.text);
    }
}

static void plain(void) {
    umask(027);
    writes(path("a"), "one");
    check(mode_of(path("a")) == 0640, "a new file has mode %o", mode_of(path("a")));
    check(!chmod(path("a"), 0600), "chmod");
    writes(path("a"), "two");
    check(holds(path("a"), "two"), "a is not replaced");
    check(mode_of(path("a")) == 0600, "mode 600 became %o", mode_of(path("a")));
    check(!chmod(path("a"), 0666), "chmod");
    writes(path("a"), "three");
    check(mode_of(path("a")) == 0666, "mode 666 became %o", mode_of(path("a")));
    umask(022);
    /* A user's own files and links whose names end with .tmp must not be overwritten. */
    write_text(path("a.tmp"), "mine");
    write_text(path("target"), "mine too");
    check(!symlink("target", path("b.tmp")), "symlink");
    writes(path("a"), "four");
    writes(path("b"), "five");
    check(holds(path("a.tmp"), "mine"), "a.tmp is gone");
    check(holds(path("target"), "mine too"), "what b.tmp leads to is overwritten");
    unlink(path("a.tmp"));
    unlink(path("b.tmp"));
}

static bool is_link(const char *name) {
    struct stat s;
    return !lstat(name, &s) && S_ISLNK(s.st_mode);
}

static void links(void) {
    mkdir(path("deep"), 0755);
    write_text(path("deep/real"), "old");
    check(!symlink("deep/real", path("link")) && !symlink("link", path("link2")) &&
              !symlink("deep/new", path("dangling")) && !symlink("circle", path("circle")),
          "symlink");
    writes(path("link2"), "new");
    check(is_link(path("link2")) && is_link(path("link")), "a link became a file");
    check(holds(path("deep/real"), "new"), "the link's target is not replaced");
    writes(path("dangling"), "made");
    check(is_link(path("dangling")) && holds(path("deep/new"), "made"), "a dangling link");
    refuses(path("circle"), "Too many levels of symbolic links");
}

static void refused(void) {
    write_text(path("ro"), "kept");
    chmod(path("ro"), 0444);
    refuses(path("ro"), "the file is read-only");
    check(holds(path("ro"), "kept"), "a read-only file is replaced");
    mkdir(path("closed"), 0555);
    refuses(path("closed/x"), "its folder is read-only");
    mkdir(path("folder"), 0755);
    refuses(path("folder"), "not a regular file");
    refuses(path("none/x"), "No such file or directory");
    refuses("", "No such file or directory");
    check(!mkfifo(path("pipe"), 0600), "mkfifo");
    refuses(path("pipe"), "not a regular file");
    refuses("/dev/null", "not a regular file");
}

static void inputs(void) {
    char want[300];
    size_t len;
    write_text(path("in"), "input");
    writes(path("in"), "first");
    free(dnx_file_read(path("in"), &len));
    check(!symlink("in", path("in2")) && !link(path("in"), path("in3")), "link");
    snprintf(want, sizeof want, "it is an input of this command (%s)", path("in"));
    refuses(path("in"), want);
    refuses(path("in2"), want);
    refuses(path("in3"), want);
    check(holds(path("in"), "first"), "an input is overwritten");

    /* The process reads a file after it began to write a new version: the old file must stay. */
    dnx_outfile f;
    dnx_err err = {0};
    write_text(path("late"), "late");
    check(!dnx_outfile_open(&f, path("late"), &err), "%s", err.text);
    free(dnx_file_read(path("late"), &len));
    dnx_outfile_put(&f, "x", 1);
    check(dnx_outfile_commit(&f, &err) == DNX_EIO && strstr(err.text, "it is an input"), "%s",
          err.text);
    check(holds(path("late"), "late"), "a late input is overwritten");

    /* An editor replaces an input. A file that this process writes later may get the inode number
     * of the old input, and must not be taken for an input. */
    write_text(path("in.new"), "edited");
    check(!rename(path("in.new"), path("in")), "rename");
    unlink(path("in2"));
    unlink(path("in3"));
    for (int i = 0; i < 50; i++) writes(path("out"), "checkpoint");
    dnx_inputs_rewind(0);
    writes(path("in"), "second");
}

static void full_disk(void) {
    static char big[5000];
    struct rlimit old, tight;
    dnx_err err = {0};
    write_text(path("kept"), "kept");
    if (getrlimit(RLIMIT_FSIZE, &old)) check(false, "getrlimit: %s", strerror(errno));
    tight = old;
    tight.rlim_cur = 100;
    signal(SIGXFSZ, SIG_IGN);
    fflush(stdout);
    setrlimit(RLIMIT_FSIZE, &tight);
    dnx_status st = dnx_outfile_write(path("kept"), big, sizeof big, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    check(st == DNX_EIO && strstr(err.text, "cannot write: File too large"), "%s", err.text);
    check(holds(path("kept"), "kept"), "a full disk took the earlier file");
}

static void stale(void) {
    const struct utimbuf old = {time(NULL) - 3600, time(NULL) - 3600};
    dnx_outfile f;
    dnx_err err = {0};
    check(leftovers() == 0, "%d temporary files are left", leftovers());
    write_text(path("net.weights.99.0.tmp"), "of a dead process");
    write_text(path("net.weights.99.1.tmp"), "of one that has just begun");
    write_text(path("net.weights.mine.tmp"), "the user's");
    utime(path("net.weights.99.0.tmp"), &old);
    utime(path("net.weights.mine.tmp"), &old);
    check(!dnx_outfile_open(&f, path("net.weights"), &err), "%s", err.text);
    utime(f.temporary, &old); /* this file is old, too, but its process is alive */
    check(!dnx_outfile_try(path("net.weights"), &err), "%s", err.text);
    check(access(path("net.weights"), F_OK), "a try has made the file");
    check(access(path("net.weights.99.0.tmp"), F_OK), "what a dead process left stays");
    check(!access(path("net.weights.99.1.tmp"), F_OK), "a young file is removed");
    check(!access(path("net.weights.mine.tmp"), F_OK), "the user's file is removed");
    check(!access(f.temporary, F_OK), "a living process's file is removed");
    dnx_outfile_put(&f, "whole", 5);
    check(!dnx_outfile_commit(&f, &err), "%s", err.text);
    check(holds(path("net.weights"), "whole"), "net.weights");
    check(leftovers() == 2, "%d temporary files are left", leftovers());
}

/* Several processes write one file at the same time. The file must then have the contents of one of
 * them. */
static void together(void) {
    enum { WRITERS = 4, TIMES = 50, SIZE = 20000 };
    static char bytes[SIZE], got[SIZE + 1];
    fflush(stdout);
    for (int i = 0; i < WRITERS; i++)
        if (!fork()) {
            memset(bytes, 'a' + i, SIZE);
            for (int k = 0; k < TIMES; k++)
                if (dnx_outfile_write(path("shared"), bytes, SIZE, NULL)) _exit(1);
            _exit(0);
        }
    for (int i = 0, status; i < WRITERS; i++)
        check(wait(&status) > 0 && status == 0, "a writer failed");
    check(read_bytes(path("shared"), got, sizeof got) == SIZE, "torn: the length");
    for (int i = 1; i < SIZE; i++)
        if (got[i] != got[0]) {
            check(false, "torn at byte %d", i);
            break;
        }
}

/* dnx_outfile_sweep() removes only names BASE.PID.N.tmp. */
static void swept(void) {
    static const char *const mine[] = {"notes2024.tmp", "a.12.tmp", "a.1.2.3tmp", "12.34.tmp",
                                       "a.1..2.tmp"};
    dnx_outfile f;
    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++) write_text(path(mine[i]), "mine");
    write_text(path("a.jpg.99.0.tmp"), "of a dead process");
    check(!dnx_outfile_open(&f, path("b.jpg"), NULL), "open");
    dnx_outfile_sweep(folder);
    check(access(path("a.jpg.99.0.tmp"), F_OK), "what a dead process left stays");
    check(!access(f.temporary, F_OK), "the file of a living process is removed");
    dnx_outfile_discard(&f);
    for (size_t i = 0; i < sizeof mine / sizeof *mine; i++) {
        check(holds(path(mine[i]), "mine"), "%s is removed", mine[i]);
        unlink(path(mine[i]));
    }
}

int main(void) {
    make_folder();
    plain();
    links();
    refused();
    inputs();
    full_disk();
    stale();
    swept();
    together();
    chmod(path("closed"), 0755);
    return summary();
}
