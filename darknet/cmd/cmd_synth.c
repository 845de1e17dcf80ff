/* darknet synth: draws a data set of synthetic faces, for machines that have no photographs.
 *
 *   OUT/train/id0000/0000.jpg   identity 0, image 0; a folder for `classifier train`
 *   OUT/faces.data              classes=, train= and backup= for these images
 *   OUT/test/test0000/test0000_0001.jpg, OUT/pairs.txt   other identities, in LFW's form
 *   OUT/synth.txt               the options of the set; written last. While images are drawn, its
 *                               name is synth.partial. After a stop, the same command continues. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/lock.h"
#include "base/outfile.h"
#include "base/stop.h"
#include "cmd/cmd.h"
#include "cmd/crops.h"
#include "data/jpeg.h"
#include "kernels/pool.h"
#include "synth/raster.h"
#include "synth/synth.h"

enum { FOLDS = 10, TEST_IMAGES = 4, QUALITY = 90, AT_ONCE = 1024, MAX_PATH = 4096 };

typedef struct {
    const char *out;
    int identities, images, seed, pairs, size, threads;
    bool goes_on; /* OUT has an unfinished set with the same options */
} set;

static const dnx_arg table[] = {
    DNX_PLACE(set, out, "out", "a new folder: images, faces.data to train on, pairs.txt"),
    DNX_ARG_INT_NEEDED(set, identities, "-identities", "N", 1, 1000000, "people to train on"),
    DNX_ARG_INT_NEEDED(set, images, "-images", "K", 1, 100000, "images of each of them"),
    DNX_ARG_INT(set, seed, "-seed", "S", 1, 0, 2147483647, "seed of all random numbers"),
    DNX_ARG_INT(set, pairs, "-pairs", "P", 0, 0, 200000,
                "pairs of other people, to test with; a multiple of 20"),
    DNX_ARG_INT(set, size, "-size", "PIXELS", 112, 32, 512, "height and width of the images"),
    DNX_ARG_THREADS(set),
    DNX_ARG_END,
};

/* The images of identities first to last - 1, of the training or of the test set. */
typedef struct {
    const set *s;
    bool is_test;
    int first, last, images, width; /* width: digits of an identity's number */
    dnx_err *errors;                /* one for each thread */
} job;

/* Writes OUT/NAME into path[MAX_PATH]; run() has checked that OUT is short enough. */
static void name(char *path, const set *s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void name(char *path, const set *s, const char *format, ...) {
    int n = snprintf(path, MAX_PATH, "%s/", s->out);
    va_list args;
    va_start(args, format);
    vsnprintf(path + n, (size_t)(MAX_PATH - n), format, args);
    va_end(args);
}

static int digits(int count) {
    int n = 4;
    for (int most = 10000; count > most && n < 9; most *= 10) n++;
    return n;
}

static void name_folder(char *path, const job *j, int identity) {
    name(path, j->s, j->is_test ? "test/test%0*d" : "train/id%0*d", j->width, identity);
}

static void name_image(char *path, const job *j, int identity, int image) {
    if (j->is_test)
        name(path, j->s, "test/test%0*d/test%0*d_%04d.jpg", j->width, identity, j->width, identity,
             image + 1);
    else name(path, j->s, "train/id%0*d/%0*d.jpg", j->width, identity, digits(j->images), image);
}

static int same_pairs_of_fold(const set *s) { return s->pairs / (2 * FOLDS); }
static int people_of_fold(const set *s) {
    int n = (same_pairs_of_fold(s) + 1) / 2; /* each person gives two pairs of the same person */
    return s->pairs ? (n > 2 ? n : 2) : 0;
}

static job training(const set *s) {
    return (job){s, false, 0, s->identities, s->images, digits(s->identities), NULL};
}
static job testing(const set *s) {
    int n = FOLDS * people_of_fold(s);
    return (job){s, true, 0, n, TEST_IMAGES, digits(n), NULL};
}

static dnx_status make_folder(const set *s, const char *path, dnx_err *err) {
    if (!mkdir(path, 0777) || (errno == EEXIST && s->goes_on)) return DNX_OK;
    return dnx_fail_at(err, DNX_EIO, path, "cannot make this folder: %s", strerror(errno));
}

static void describe(const set *s, char text[512]) {
    snprintf(text, 512,
             "# synthetic faces, drawn by `darknet synth`: no photographs of people\n"
             "version=%d\nidentities=%d\nimages=%d\nseed=%d\npairs=%d\nsize=%d\n",
             DNX_SYNTH_VERSION, s->identities, s->images, s->seed, s->pairs, s->size);
}

/* ---- images ---- */

/* Looks for the end mark, because a power cut may leave a truncated JPEG. */
static bool is_whole(const char *path) {
    unsigned char end[2] = {0};
    struct stat info;
    int f = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = f >= 0 && !fstat(f, &info) && info.st_size > 2 &&
              pread(f, end, 2, info.st_size - 2) == 2 && end[0] == 0xff && end[1] == 0xd9;
    if (f >= 0) close(f);
    return ok;
}

static dnx_status draw(const job *j, int identity, int image, float *scratch, unsigned char *rgb,
                       dnx_err *err) {
    char path[MAX_PATH];
    size_t n;
    name_image(path, j, identity, image);
    if (j->s->goes_on && is_whole(path)) return DNX_OK;
    dnx_synth_image((uint64_t)j->s->seed, j->is_test, identity, image, j->s->size, scratch, rgb);
    unsigned char *bytes = dnx_jpeg_encode(rgb, j->s->size, j->s->size, QUALITY, &n);
    if (!bytes) return dnx_fail_at(err, DNX_EMEM, path, "no memory for the image");
    dnx_status st = dnx_outfile_write_of_many(path, bytes, n, err);
    free(bytes);
    return st;
}

static void draw_share(void *arg, int t, int threads) {
    const job *j = arg;
    dnx_err *err = &j->errors[t];
    long lo, hi;
    float *scratch = dnx_alloc(DNX_CANVAS_FLOATS(j->s->size));
    unsigned char *rgb = malloc(3 * (size_t)j->s->size * (size_t)j->s->size);
    if (!scratch || !rgb) dnx_fail_at(err, DNX_EMEM, j->s->out, "no memory for an image");
    dnx_share((long)(j->last - j->first) * j->images, t, threads, &lo, &hi);
    for (long i = lo; i < hi && !err->status && !dnx_stop_check(err); i++)
        draw(j, j->first + (int)(i / j->images), (int)(i % j->images), scratch, rgb, err);
    dnx_free(scratch);
    free(rgb);
}

/* Draws all images of the training or the test set. Adds the number of images to *done. */
static dnx_status draw_all(dnx_pool *pool, job j, long *done, long all, dnx_err *err) {
    const int end = j.last, step = j.images < AT_ONCE ? AT_ONCE / j.images : 1;
    const bool is_terminal = isatty(STDOUT_FILENO) == 1;
    char path[MAX_PATH];
    name(path, j.s, j.is_test ? "test" : "train");
    dnx_status st = end ? make_folder(j.s, path, err) : DNX_OK;
    j.errors = calloc((size_t)dnx_pool_threads(pool), sizeof *j.errors);
    if (!j.errors) st = dnx_no_memory(path, err);
    for (; !st && j.first < end; j.first = j.last) {
        j.last = end - j.first < step ? end : j.first + step;
        for (int i = j.first; !st && i < j.last; i++) {
            name_folder(path, &j, i);
            st = make_folder(j.s, path, err);
            if (!st && j.s->goes_on) dnx_outfile_sweep(path);
        }
        if (!st) dnx_pool_run(pool, draw_share, &j);
        if (!st) st = dnx_first_error(j.errors, dnx_pool_threads(pool), err);
        *done += (long)(j.last - j.first) * j.images;
        if (is_terminal) {
            printf("\r%ld/%ld synthetic images\033[K", *done, all);
            fflush(stdout);
        }
    }
    if (is_terminal && end) printf("\r\033[K");
    free(j.errors);
    return st;
}

/* Writes as many pairs of one person as of two people. In a fold of n people, the first n pairs of
 * either kind use images 1 and 2, the others 3 and 4. So each kind uses an image only once. */
static dnx_status write_pairs(const set *s, dnx_err *err) {
    char path[MAX_PATH], *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    const int each = same_pairs_of_fold(s), n = people_of_fold(s), w = testing(s).width;
    name(path, s, "pairs.txt");
    if (!f) return dnx_no_memory(path, err);
    fprintf(f, "%d\t%d\n", FOLDS, each);
    for (int fold = 0; fold < FOLDS; fold++) {
        for (int k = 0; k < each; k++)
            fprintf(f, "test%0*d\t%d\t%d\n", w, fold * n + k % n, 1 + k / n * 2, 2 + k / n * 2);
        for (int k = 0; k < each; k++) {
            int other = (k + (n > 2 ? 1 + k / n : 1)) % n;
            fprintf(f, "test%0*d\t%d\ttest%0*d\t%d\n", w, fold * n + k % n, 1 + k / n * 2, w,
                    fold * n + other, 2 + k / n * 2);
        }
    }
    dnx_status st = fclose(f) ? dnx_no_memory(path, err) : DNX_OK;
    if (!st) st = dnx_outfile_write(path, text, size, err);
    free(text);
    return st;
}

static dnx_status write_data(const set *s, dnx_err *err) {
    char path[MAX_PATH], text[2 * MAX_PATH + 200];
    name(path, s, "faces.data");
    int n = snprintf(text, sizeof text,
                     "# synthetic faces; paths are relative to where darknet synth ran\n"
                     "classes=%d\ntrain=%s/train\nbackup=%s/backup\n",
                     s->identities, s->out, s->out);
    return dnx_outfile_write(path, text, (size_t)n, err);
}

static dnx_status write_set(const set *s, dnx_err *err) {
    char partial[MAX_PATH], whole[MAX_PATH], text[512];
    long done = 0, all = (long)s->identities * s->images;
    double start = dnx_now();
    name(partial, s, "synth.partial");
    name(whole, s, "synth.txt");
    describe(s, text);
    const int threads = dnx_threads(s->threads);
    dnx_pool *pool = dnx_pool_new_shares(threads, 4 * threads);
    if (!pool) return dnx_fail_at(err, DNX_EMEM, s->out, "no memory for the threads");
    all += (long)FOLDS * people_of_fold(s) * TEST_IMAGES;
    dnx_status st = dnx_outfile_write(partial, text, strlen(text), err);
    if (!st) st = draw_all(pool, training(s), &done, all, err);
    if (!st) st = draw_all(pool, testing(s), &done, all, err);
    dnx_pool_free(pool);
    if (!st && s->pairs) st = write_pairs(s, err);
    if (!st) st = write_data(s, err);
    if (!st) st = dnx_outfile_sync_many(s->out, err);
    if (!st) st = dnx_outfile_write(whole, text, strlen(text), err);
    if (!st) remove(partial);
    double took = dnx_now() - start;
    if (!st)
        printf("%s: %ld synthetic images: %d identities to train on, %d to test; %.1f s, "
               "%.0f images/s\n",
               s->out, all, s->identities, FOLDS * people_of_fold(s), took, (double)all / took);
    return st;
}

/* ---- an existing folder ---- */

static bool exists(const set *s, const char *file) {
    char path[MAX_PATH];
    name(path, s, "%s", file);
    return !access(path, F_OK);
}

static dnx_status find(const char *path, dnx_err *err) {
    if (!access(path, F_OK)) return DNX_OK;
    return dnx_fail_at(err, DNX_EIO, path,
                       "%s, though synth.txt says that all is there; remove the folder or choose "
                       "another",
                       strerror(errno));
}

static dnx_status find_images(job j, dnx_err *err) {
    char path[MAX_PATH];
    dnx_status st = DNX_OK;
    for (int i = j.first; i < j.last && !st; i++)
        for (int k = 0; k < j.images && !st; k++) {
            name_image(path, &j, i, k);
            st = find(path, err);
        }
    return st;
}

/* Returns DNX_EIO when the options in `file`, synth.txt or synth.partial, differ from s. */
static dnx_status compare_text(const set *s, const char *file, dnx_err *err) {
    char path[MAX_PATH], text[512];
    size_t len;
    name(path, s, "%s", file);
    describe(s, text);
    char *there = dnx_file_read_unnoted(path, DNX_MAX_FILE, &len);
    if (!there) return dnx_fail_at(err, DNX_EIO, path, "cannot open: %s", strerror(errno));
    bool same = !strcmp(text, there);
    free(there);
    return same ? DNX_OK
                : dnx_fail_at(err, DNX_EIO, path,
                              "was made with other options; remove the folder or choose another");
}

/* Returns DNX_EIO when the set in OUT has other options than s, or lacks a file. */
static dnx_status compare(const set *s, dnx_err *err) {
    char pairs[MAX_PATH], data[MAX_PATH];
    name(pairs, s, "pairs.txt");
    name(data, s, "faces.data");
    dnx_status st = compare_text(s, "synth.txt", err);
    if (!st) st = find_images(training(s), err);
    if (!st) st = find_images(testing(s), err);
    if (!st && s->pairs) st = find(pairs, err);
    return st ? st : find(data, err);
}

/* Makes OUT, or checks its content. *is_there: OUT has the complete set already. */
static dnx_status open_folder(set *s, bool *is_there, dnx_err *err) {
    DIR *d = opendir(s->out);
    bool is_empty = true;
    *is_there = false;
    if (!d && errno == ENOENT) return make_folder(s, s->out, err);
    if (!d) return dnx_fail_at(err, DNX_EIO, s->out, "cannot open: %s", strerror(errno));
    for (struct dirent *e; is_empty && (e = readdir(d));)
        is_empty = !strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
                   !strcmp(e->d_name, "synth.lock");
    closedir(d);
    if (is_empty) return DNX_OK;
    s->goes_on = exists(s, "synth.partial");
    if (s->goes_on) return compare_text(s, "synth.partial", err);
    if (!exists(s, "synth.txt"))
        return dnx_fail_at(err, DNX_EIO, s->out,
                           "is not empty, and nothing in it is overwritten; name a new folder");
    *is_there = true;
    return compare(s, err);
}

static dnx_status write_locked(const set *s, dnx_err *err) {
    char path[MAX_PATH];
    dnx_lock *lock;
    name(path, s, "synth.lock");
    dnx_status st = dnx_lock_take(&lock, path, err);
    if (st) return st;
    st = write_set(s, err);
    dnx_lock_release(lock);
    return st;
}

static int run(const void *args, dnx_err *err) {
    set s = *(const set *)args;
    bool is_there = false;
    if (s.pairs % (2 * FOLDS))
        return dnx_wrong(
            "-pairs %d: must be a multiple of %d: %d folds, half of each the same person", s.pairs,
            2 * FOLDS, FOLDS);
    dnx_stop_on_signals();
    char *out = dnx_folder_name(s.out);
    const size_t n = out ? strlen(out) : 0;
    s.out = out;
    int status = 0;
    if (!out) status = dnx_no_memory("synth", err) != DNX_OK;
    else if (!n || n > MAX_PATH - 100 || strpbrk(out, "\r\n"))
        status = dnx_wrong("the folder's name is empty, too long or has a line break");
    else status = open_folder(&s, &is_there, err) != DNX_OK;
    if (!status && is_there) printf("%s: these synthetic faces are there already\n", out);
    else if (!status) status = write_locked(&s, err) != DNX_OK;
    free(out);
    return status;
}

const dnx_verb dnx_cmd_synth = {
    "synth", "draw synthetic faces: a training set, and pairs of other identities like LFW's",
    table, sizeof(set), run};
