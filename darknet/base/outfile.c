/* outfile.c - writes files that appear only when they are complete. */
#include "base/outfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/inputs.h"

enum { MOST_LINKS = 40, MOST_NAMES = 10000, MOST_BASE = 200, STALE = 60 /* seconds */ };

static dnx_status cannot_write(const char *path, int why, dnx_err *err) {
    return dnx_fail(err, why == ENOMEM ? DNX_EMEM : DNX_EIO, (dnx_loc){path, 0}, "cannot write: %s",
                    strerror(why));
}

static void failed(dnx_outfile *f) {
    if (!f->why) f->why = errno ? errno : EIO;
}

/* Returns the length of a path up to and including its last '/'; 0 without a '/'. */
static int folder_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (int)(slash - path) + 1 : 0;
}

/* Follows symbolic links and returns the path of their target, which need not exist; free() it.
 * Returns NULL and sets errno on failure. */
static char *follow(const char *path) {
    char link[PATH_MAX], *at = strdup(path);
    for (int i = 0; at && i < MOST_LINKS; i++) {
        char *next;
        ssize_t n = readlink(at, link, sizeof link - 1);
        if (n < 0) return at; /* `at` is not a link, or does not exist */
        link[n] = 0;
        if (link[0] == '/') next = strdup(link);
        else if (asprintf(&next, "%.*s%s", folder_length(at), at, link) < 0) next = NULL;
        free(at);
        at = next;
    }
    errno = at ? ELOOP : ENOMEM;
    free(at);
    return NULL;
}

static int open_folder_of(const char *file) {
    char *folder = strndup(file, (size_t)folder_length(file));
    int fd = folder ? open(*folder ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(folder);
    return fd;
}

/* Looks at the mode, because access() lets root write to read-only files. */
static bool is_read_only(const struct stat *s) { return (s->st_mode & 0222) == 0; }

/* Checks that f->target may be replaced. Fills *old by stat(), with st_mode 0 when there is no
 * target yet. */
static dnx_status check(const dnx_outfile *f, struct stat *old, dnx_err *err) {
    char input[200];
    if (stat(f->target, old)) {
        old->st_mode = 0;
        return errno == ENOENT && *f->target ? DNX_OK : cannot_write(f->path, errno, err);
    }
    if (!S_ISREG(old->st_mode)) /* a rename would replace a device */
        return dnx_fail_at(err, DNX_EIO, f->path, "cannot write: not a regular file");
    if (dnx_input_is(old, input, sizeof input))
        return dnx_fail_at(err, DNX_EIO, f->path,
                           "cannot write: it is an input of this command (%s)", input);
    if (is_read_only(old) || access(f->target, W_OK))
        return dnx_fail_at(err, DNX_EIO, f->path, "cannot write: the file is read-only");
    return DNX_OK;
}

static dnx_status check_folder(const dnx_outfile *f, dnx_err *err) {
    struct stat s;
    int fd = open_folder_of(f->target);
    bool refused = fd >= 0 && !fstat(fd, &s) && is_read_only(&s);
    if (fd >= 0) close(fd);
    if (!refused) return DNX_OK; /* open_temporary() reports a missing folder */
    return dnx_fail_at(err, DNX_EIO, f->path, "cannot write: its folder is read-only");
}

static int open_partial(dnx_outfile *f) {
    if (asprintf(&f->temporary, "%s.partial", f->target) < 0) f->temporary = NULL;
    errno = ENOMEM;
    return f->temporary ? open(f->temporary, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666) : -1;
}

/* Opens a new file TARGET.PID.N.tmp. */
static int open_new(dnx_outfile *f) {
    int at = folder_length(f->target), fd = -1;
    errno = EEXIST;
    for (int i = 0; i < MOST_NAMES && fd < 0 && errno == EEXIST; i++) {
        free(f->temporary);
        if (asprintf(&f->temporary, "%.*s%.*s.%ld.%d.tmp", at, f->target, MOST_BASE, f->target + at,
                     (long)getpid(), i) < 0)
            f->temporary = NULL;
        if (f->temporary) fd = open(f->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        else errno = ENOMEM;
    }
    return fd;
}

static bool open_temporary(dnx_outfile *f, bool continues) {
    int fd = continues ? open_partial(f) : open_new(f);
    if (fd >= 0) f->file = fdopen(fd, "r+b");
    if (!f->file) failed(f);
    if (fd >= 0 && !f->file) {
        close(fd);
        if (!continues) unlink(f->temporary);
    }
    return f->file;
}

static void free_names(dnx_outfile *f) {
    free(f->path);
    free(f->target);
    free(f->temporary);
    *f = (dnx_outfile){.lock = -1};
}

static void copy_owner_and_mode(const struct stat *old, int fd) {
    if (old->st_uid != geteuid() || old->st_gid != getegid())
        if (fchown(fd, old->st_uid, old->st_gid)) return; /* only root may change the owner */
    (void)fchmod(fd, old->st_mode & 0777);
}

static dnx_status open_outfile(dnx_outfile *f, const char *path, bool continues, dnx_err *err) {
    struct stat old;
    *f = (dnx_outfile){
        .path = strdup(path), .target = follow(path), .is_partial = continues, .lock = -1};
    int why = f->path ? errno : ENOMEM; /* follow() has set errno */
    dnx_status st = f->path && f->target ? check(f, &old, err) : cannot_write(path, why, err);
    if (!st) st = check_folder(f, err);
    if (!st && !open_temporary(f, continues)) st = cannot_write(path, f->why, err);
    if (st) {
        free_names(f);
        return st;
    }
    int fd = fileno(f->file);
    if (old.st_mode) copy_owner_and_mode(&old, fd);
    f->lock = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    /* On a file system without locks, flock() fails. remove_stale() then cannot lock the file
     * either, and does not remove it. */
    (void)flock(fd, LOCK_EX | LOCK_NB);
    return DNX_OK;
}

dnx_status dnx_outfile_open(dnx_outfile *f, const char *path, dnx_err *err) {
    return open_outfile(f, path, false, err);
}

dnx_status dnx_outfile_continue(dnx_outfile *f, const char *path, dnx_err *err) {
    return open_outfile(f, path, true, err);
}

dnx_status dnx_outfile_stream(dnx_outfile *f, const char *path, dnx_err *err) {
    struct stat s;
    if (stat(path, &s) || S_ISREG(s.st_mode) || S_ISDIR(s.st_mode))
        return dnx_outfile_open(f, path, err);
    *f = (dnx_outfile){.file = fopen(path, "wbe"), .path = strdup(path), .lock = -1};
    if (f->file && f->path) return DNX_OK;
    dnx_status st = cannot_write(path, f->file ? ENOMEM : errno, err);
    if (f->file) fclose(f->file);
    free_names(f);
    return st;
}

void dnx_outfile_put(dnx_outfile *f, const void *bytes, size_t n) {
    errno = 0;
    if (n && fwrite(bytes, 1, n, f->file) != n) failed(f);
    f->size += n;
}

dnx_status dnx_outfile_sync(dnx_outfile *f, dnx_err *err) {
    errno = 0;
    const bool syncs = f->temporary && !f->is_of_many;
    if (!f->why && (fflush(f->file) || (syncs && fsync(fileno(f->file))))) failed(f);
    return f->why ? cannot_write(f->path, f->why, err) : DNX_OK;
}

/* A rename survives a power cut only after its folder is synced. Ignores errors: not every system
 * can sync folders. */
static void sync_folder(const char *file) {
    int fd = open_folder_of(file);
    if (fd < 0) return;
    (void)fsync(fd);
    close(fd);
}

static void end(dnx_outfile *f, bool removes) {
    if (f->temporary && removes) unlink(f->temporary);
    if (f->lock >= 0) close(f->lock);
    free_names(f);
}

dnx_status dnx_outfile_commit(dnx_outfile *f, dnx_err *err) {
    struct stat old;
    dnx_status st = dnx_outfile_sync(f, err);
    errno = 0;
    if (fclose(f->file) && !st) st = cannot_write(f->path, errno ? errno : EIO, err);
    if (!st && f->temporary) { /* the target may have become an input since the file was opened */
        st = check(f, &old, err);
        if (!st && rename(f->temporary, f->target)) st = cannot_write(f->path, errno, err);
        if (!st && !f->is_of_many) sync_folder(f->target);
    }
    end(f, st && !f->is_partial);
    return st;
}

void dnx_outfile_discard(dnx_outfile *f) {
    (void)fclose(f->file);
    end(f, true);
}

void dnx_outfile_pause(dnx_outfile *f) {
    (void)fclose(f->file);
    end(f, false);
}

static dnx_status write_whole(const char *path, const void *bytes, size_t n, bool of_many,
                              dnx_err *err) {
    dnx_outfile f;
    dnx_status st = dnx_outfile_open(&f, path, err);
    if (st) return st;
    f.is_of_many = of_many;
    dnx_outfile_put(&f, bytes, n);
    return dnx_outfile_commit(&f, err);
}

dnx_status dnx_outfile_write(const char *path, const void *bytes, size_t n, dnx_err *err) {
    return write_whole(path, bytes, n, false, err);
}

dnx_status dnx_outfile_write_of_many(const char *path, const void *bytes, size_t n, dnx_err *err) {
    return write_whole(path, bytes, n, true, err);
}

dnx_status dnx_outfile_sync_many(const char *folder, dnx_err *err) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    dnx_status st = fd < 0 || syncfs(fd) ? cannot_write(folder, errno, err) : DNX_OK;
    if (fd >= 0) close(fd);
    return st;
}

/* Returns true when `name` is BASE.PID.N.tmp, as open_new() makes it. base: the name of the target,
 * or NULL for any target. */
static bool is_temporary(const char *name, const char *base) {
    size_t n = strlen(name);
    if (n < 4 || strcmp(name + n - 4, ".tmp")) return false;
    n -= 4;
    for (int i = 0; i < 2; i++) {
        const size_t end = n;
        while (n && strchr("0123456789", name[n - 1])) n--;
        if (n < 2 || n == end || name[--n] != '.') return false;
    }
    return !base || (n == strnlen(base, MOST_BASE) && !strncmp(name, base, n));
}

/* Removes a file that is not locked and at least `age` seconds old. The age protects a file that
 * was just opened and is not locked yet. */
static void remove_stale(int folder, const char *name, int age) {
    struct stat s;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    if (!fstat(fd, &s) && S_ISREG(s.st_mode) && time(NULL) - s.st_mtime >= age &&
        !flock(fd, LOCK_EX | LOCK_NB))
        unlinkat(folder, name, 0);
    close(fd);
}

/* Removes temporary files that are at least `age` seconds old, and closes d, which may be NULL. */
static void sweep(DIR *d, const char *base, int age) {
    for (struct dirent *e; d && (e = readdir(d));)
        if (is_temporary(e->d_name, base)) remove_stale(dirfd(d), e->d_name, age);
    if (d) closedir(d);
}

void dnx_outfile_sweep(const char *folder) { sweep(opendir(folder), NULL, 0); }

dnx_status dnx_outfile_try(const char *path, dnx_err *err) {
    dnx_outfile f;
    dnx_status st = dnx_outfile_open(&f, path, err);
    if (st) return st;
    int folder = open_folder_of(f.target);
    DIR *d = folder < 0 ? NULL : fdopendir(folder);
    if (folder >= 0 && !d) close(folder);
    sweep(d, f.target + folder_length(f.target), STALE);
    dnx_outfile_discard(&f);
    return DNX_OK;
}

dnx_status dnx_outfile_try_new(const char *path, dnx_err *err) {
    struct stat s;
    dnx_status st = dnx_outfile_try(path, err);
    if (st || stat(path, &s) || s.st_size == 0) return st;
    return dnx_fail_at(err, DNX_EIO, path, "exists; -force replaces it");
}

static bool is_same_folder(const char *a, const char *b) {
    struct stat s, t;
    int x = open_folder_of(a), y = open_folder_of(b);
    bool is = x >= 0 && y >= 0 && !fstat(x, &s) && !fstat(y, &t) && s.st_dev == t.st_dev &&
              s.st_ino == t.st_ino;
    if (x >= 0) close(x);
    if (y >= 0) close(y);
    return is;
}

bool dnx_outfile_is_same(const char *a, const char *b) {
    char *x = follow(a), *y = follow(b);
    bool is = x && y && !strcmp(x + folder_length(x), y + folder_length(y)) && is_same_folder(x, y);
    free(x);
    free(y);
    return is;
}
