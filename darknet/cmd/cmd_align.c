/* darknet align: cuts faces out of images. Rotates, scales and shifts each face so that its
 * landmarks lie where face networks expect them. The landmarks are coordinates in the upright
 * image, after its EXIF orientation was applied. */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/lock.h"
#include "base/outfile.h"
#include "base/paths.h"
#include "cmd/cmd.h"
#include "cmd/crops.h"
#include "data/decode.h"
#include "data/images.h"
#include "data/jpeg.h"
#include "face/align.h"
#include "face/crops.h"
#include "face/landmarks.h"
#include "face/warp.h"
#include "host/loop.h"
#include "kernels/pool.h"

typedef struct {
    const char *images, *landmarks, *out;
    int size, several, form, threads;
    bool allow_missing, force;
} align_args;

static const dnx_arg table[] = {
    DNX_PLACE(align_args, images, "images", "the folder of the images"),
    DNX_PLACE(align_args, landmarks, "landmarks",
              "a text file with five points for each face: eyes, nose, corners of the mouth"),
    DNX_PLACE(align_args, out, "out", "the folder of the crops; out/a/b.jpg is images/a/b.png"),
    DNX_ARG_WORD(align_args, size, "-size", "112x112|112x96", 0,
                 "height x width of a crop, pixels"),
    DNX_ARG_WORD(align_args, several, "-several", "largest|center|skip", DNX_CENTER,
                 "which face of an image that has several"),
    DNX_ARG_WORD(align_args, form, "-form", DNX_LANDMARK_FORMS, -1,
                 "the order of the numbers of a face; default: found from the points"),
    DNX_ARG_FLAG(align_args, force, "-force", "replace existing crops"),
    DNX_ARG_FLAG(align_args, allow_missing, "-allow-missing",
                 "exit with 0 even when some images give no crop"),
    DNX_ARG_THREADS(align_args),
    DNX_ARG_END,
};

enum { QUALITY = 95, HEIGHT = 112, WIDEST = 112, AT_ONCE = 256 };
/* The largest RMS distance allowed, in pixels, between the landmarks and the template. Five random
 * points have an RMS distance of about 23, a face in full profile has 15. */
#define WORST_RMS 19.

typedef struct {
    const align_args *a;
    char *images, *out; /* folders of the arguments, without '/' at their ends */
    int width;
    dnx_landmarks l;
    dnx_crop *item;
    size_t n, first, last; /* n: all items; first to last - 1: items handled at once */
    dnx_err said[AT_ONCE]; /* an error or a note for each item handled at once */
    atomic_bool cannot_write;
} job;

static dnx_status decode(const char *path, dnx_image *image, dnx_err *err) {
    dnx_image_fault fault = dnx_image_read(path, image);
    if (!fault) return DNX_OK;
    return dnx_fail_at(err, DNX_EIO, path, "%s",
                       fault == DNX_IMAGE_REFUSED ? image->why
                       : errno == ENOENT          ? "is missing"
                                                  : strerror(errno));
}

/* Computes the transform m, 2 x 3, from the chosen face of the image to the crop. */
static dnx_status place(const job *j, const dnx_crop *it, const char *path, int w, int h,
                        double m[6], dnx_err *err) {
    dnx_face template;
    double rms;
    size_t n = it->faces->n;
    const dnx_face *face = j->l.face + it->faces->first;
    const dnx_several several = (dnx_several)j->a->several;
    if (n > 1 && several == DNX_SKIP) return dnx_fail_at(err, DNX_EIO, path, "has %zu faces", n);
    face += dnx_face_choose(face, n, several, w, h);
    dnx_face_template(j->width, &template);
    if (!dnx_face_is_inside(face, w, h))
        return dnx_fail_at(err, DNX_EIO, path, "has landmarks outside of its %d x %d pixels", w, h);
    if (!dnx_similarity(face, &template, m, &rms) || rms > WORST_RMS)
        return dnx_fail_at(err, DNX_EIO, path,
                           "has landmarks that do not lie as eyes, nose and mouth do");
    return DNX_OK;
}

static dnx_status crop(job *j, const dnx_crop *it, const char *path, dnx_err *err) {
    dnx_image image;
    double m[6];
    size_t n = 0;
    unsigned char out[HEIGHT * WIDEST * 3], *bytes = NULL;
    dnx_status st = decode(path, &image, err);
    if (st) return st;
    st = place(j, it, path, image.w, image.h, m, err);
    if (!st && !dnx_warp(image.rgb, image.w, image.h, m, out, j->width, HEIGHT))
        st = dnx_fail_at(err, DNX_EIO, path, "the face cannot be cut out");
    dnx_image_free(&image);
    if (st) return st;
    bytes = dnx_jpeg_encode(out, j->width, HEIGHT, QUALITY, &n);
    if (!bytes) return dnx_fail_at(err, DNX_EMEM, path, "no memory for the crop");
    st = dnx_crop_write(it->out, bytes, n, err);
    if (st) j->cannot_write = true; /* stops the run: the next crop would fail as well */
    free(bytes);
    if (!st && it->faces->n > 1) /* with DNX_OK, the message is a note, not an error */
        dnx_fail_at(err, DNX_OK, path, "has %zu faces: took the %s", it->faces->n,
                    j->a->several == DNX_LARGEST ? "largest" : "one nearest to the centre");
    return st;
}

static void align_one(job *j, dnx_crop *it, dnx_err *err) {
    struct stat in, there;
    char *path = dnx_path_join(j->images, it->path);
    it->is = DNX_CROP_FAILED;
    if (!path || !it->out) dnx_no_memory(it->path, err);
    else if (!dnx_crop_stays(it->path))
        dnx_fail_at(err, DNX_EIO, it->path, "must be a path relative to the images");
    else if (it > j->item && it[-1].out && !strcmp(it[-1].out, it->out))
        dnx_fail_at(err, DNX_EIO, path, "its crop would be %s, as that of %s", it->out,
                    it[-1].path);
    else if (!it->faces || !it->faces->n)
        dnx_fail_at(err, DNX_EIO, path, "has no face in the landmarks");
    else if (!lstat(it->out, &there) && !S_ISREG(there.st_mode))
        dnx_fail_at(err, DNX_EIO, it->out, "is there and no regular file");
    else if (!stat(it->out, &there) && !stat(path, &in) && in.st_ino == there.st_ino &&
             in.st_dev == there.st_dev)
        dnx_fail_at(err, DNX_EIO, it->out, "is the image itself");
    else if (!access(it->out, F_OK) && !j->a->force) it->is = DNX_CROP_THERE;
    else if (!crop(j, it, path, err)) it->is = DNX_CROP_WRITTEN;
    free(path);
}

static void align_next(void *arg, int t, long i) {
    (void)t;
    job *j = arg;
    if (!j->cannot_write) align_one(j, &j->item[j->first + (size_t)i], &j->said[i]);
}

/* Compares the options and landmarks with those of existing crops (OUT/align.txt). When they
 * differ, returns DNX_EIO or, with -force, removes the crops of this run's images. */
static dnx_status compare_options(job *j, dnx_err *err) {
    char text[200], *path = dnx_path_join(j->out, "align.txt"), *there;
    uint64_t landmarks = DNX_HASH_START;
    size_t len;
    if (!path) return dnx_no_memory(j->out, err);
    dnx_status st = DNX_OK;
    if (!dnx_hash_file(j->a->landmarks, &landmarks))
        st = dnx_fail_at(err, DNX_EIO, j->a->landmarks, "cannot read: %s", strerror(errno));
    snprintf(text, sizeof text, "size=%dx%d\nseveral=%d\nform=%d\nlandmarks=%016" PRIx64 "\n",
             HEIGHT, j->width, j->a->several, j->a->form, landmarks);
    there = dnx_file_read_unnoted(path, DNX_MAX_FILE, &len);
    bool differs = there && strcmp(there, text);
    if (!st && differs && !j->a->force)
        st = dnx_fail_at(err, DNX_EIO, path,
                         "lists crops that were cut by other options or landmarks; -force cuts "
                         "them again, or name another folder");
    struct stat s;
    for (dnx_crop *it = j->item; !st && differs && it < j->item + j->n; it++)
        if (it->out && dnx_crop_stays(it->path) && !lstat(it->out, &s) && S_ISREG(s.st_mode))
            remove(it->out);
    if (!st && (!there || differs)) st = dnx_outfile_write(path, text, strlen(text), err);
    free(there);
    free(path);
    return st;
}

/* Removes the incomplete crops that a killed process left. */
static void sweep(const job *j) {
    char *swept = NULL;
    for (const dnx_crop *it = j->item; it < j->item + j->n; it++)
        if (it->out && dnx_crop_stays(it->path)) dnx_crops_sweep(it->out, &swept);
    free(swept);
}

/* Cuts all crops. count[k]: the number of crops with outcome k (dnx_crop_outcome). */
static dnx_status align_all(job *j, dnx_pool *pool, size_t count[3], dnx_err *err) {
    for (j->first = 0; j->first < j->n && !j->cannot_write; j->first = j->last) {
        j->last = j->n - j->first > AT_ONCE ? j->first + AT_ONCE : j->n;
        memset(j->said, 0, sizeof j->said);
        dnx_pool_each(pool, (long)(j->last - j->first), align_next, j);
        for (size_t i = j->first; i < j->last; i++) {
            const dnx_err *said = &j->said[i - j->first];
            if (said->text[0]) fprintf(stderr, "%s\n", said->text);
            count[j->item[i].is]++;
        }
    }
    if (!j->cannot_write) return dnx_outfile_sync_many(j->out, err);
    return dnx_fail_at(err, DNX_EIO, j->out, "stopped: a crop cannot be written");
}

static dnx_status align_locked(job *j, size_t count[3], dnx_err *err) {
    char *path = dnx_path_join(j->out, "align.lock");
    dnx_lock *lock = NULL;
    dnx_pool *pool = NULL;
    dnx_status st = path ? dnx_lock_take(&lock, path, err) : dnx_no_memory(j->out, err);
    free(path);
    if (st) return st;
    st = compare_options(j, err);
    if (!st) sweep(j);
    if (!st && !(pool = dnx_pool_new(dnx_threads(j->a->threads))))
        st = dnx_no_memory(j->images, err);
    if (!st) st = align_all(j, pool, count, err);
    dnx_pool_free(pool);
    dnx_lock_release(lock);
    return st;
}

/* Prints how many images in the folder `out` are not crops of this run. */
static void report_others(const char *out, size_t crops) {
    dnx_images all = {0};
    if (!dnx_images_find(out, &all, NULL) && all.n > crops)
        fprintf(stderr, "%s: also has %zu %s not made of these images and landmarks\n", out,
                all.n - crops, dnx_plural(all.n - crops, "image that was", "images that were"));
    dnx_images_free(&all);
}

static dnx_status work(job *j, size_t count[3], dnx_err *err) {
    dnx_images images = {0};
    struct stat info;
    const bool is_new = access(j->out, F_OK);
    dnx_status st = dnx_landmarks_read(j->a->landmarks, j->a->form, &j->l, err);
    if (!st && (stat(j->images, &info) || !S_ISDIR(info.st_mode)))
        st = dnx_fail_at(err, DNX_EIO, j->images, "is not a folder");
    if (!st) st = dnx_images_find(j->images, &images, err);
    if (!st) st = dnx_crops_apart(j->images, j->out, err);
    if (!st) st = dnx_crops_list(&j->l, &images, j->out, &j->item, &j->n, err);
    if (!st) st = align_locked(j, count, err);
    if (st && is_new) rmdir(j->out); /* removes only an empty folder */
    dnx_crops_free(j->item, j->n);
    dnx_landmarks_free(&j->l);
    dnx_images_free(&images);
    return st;
}

static int run(const void *args, dnx_err *err) {
    const align_args *a = args;
    size_t count[3] = {0};
    job j = {.a = a,
             .images = dnx_folder_name(a->images),
             .out = dnx_folder_name(a->out),
             .width = a->size == 1 ? 96 : WIDEST};
    double start = dnx_now();
    dnx_status st = j.images && j.out ? work(&j, count, err) : dnx_no_memory(a->out, err);
    if (!st)
        printf("%zu written, %zu there already, %zu failed, %.1f s; the crops are in %s\n",
               count[DNX_CROP_WRITTEN], count[DNX_CROP_THERE], count[DNX_CROP_FAILED],
               dnx_now() - start, j.out);
    if (!st) report_others(j.out, count[DNX_CROP_WRITTEN] + count[DNX_CROP_THERE]);
    free(j.images);
    free(j.out);
    if (st) return 1;
    return count[DNX_CROP_FAILED] && !a->allow_missing;
}

const dnx_verb dnx_cmd_align = {"align", "cut out faces by five landmarks, as ArcFace uses them",
                                table, sizeof(align_args), run};
