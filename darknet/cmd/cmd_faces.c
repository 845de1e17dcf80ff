/* darknet faces: finds the faces of photographs, or of the frames of a video, and cuts them out as
 * networks expect them.
 *
 * OUT/a/b.jpg is the main face of PHOTOS/a/b.png, OUT/a/b.2.jpg its second face. OUT/faces.record
 * (face/found.h) lists the photographs that are done: a new run continues an interrupted one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/inputs.h"
#include "base/lock.h"
#include "base/paths.h"
#include "base/stop.h"
#include "cmd/cmd.h"
#include "cmd/crops.h"
#include "cmd/finding.h"
#include "kernels/pool.h"

static const dnx_arg table[] = {
    DNX_PLACE(dnx_faces_args, photos, "photos",
              "a folder of photographs, a list of paths, or one; a video, or camera:0"),
    DNX_PLACE(dnx_faces_args, out, "out", "the folder of the crops; out/a/b.jpg is photos/a/b.png"),
    DNX_ARG_INT(dnx_faces_args, least, "-min-face", "N", 40, 12, 16384,
                "the smallest face to find, pixels"),
    DNX_ARG_FLAG(dnx_faces_args, largest, "-largest",
                 "take only the main face: the largest, with a preference for the centre"),
    DNX_ARG_INT(dnx_faces_args, every, "-every", "N", 1, 1, 1000000,
                "use every N-th frame of a video, from the first on"),
    DNX_ARG_INT(dnx_faces_args, frames, "-frames", "N", 0, 1, 1000000000,
                "use N frames of a video and stop; default all"),
    DNX_ARG_TEXT(dnx_faces_args, landmarks, "-landmarks", "FILE",
                 "write the boxes and points there, as `darknet align` reads them"),
    DNX_ARG_TEXT(dnx_faces_args, sheet, "-sheet", "FILE",
                 "draw the first 120 crops side by side into a JPEG"),
    DNX_ARG_FLAG(dnx_faces_args, overwrite, "-overwrite",
                 "remove crops of other options or photographs, and start again"),
    DNX_ARG_TEXT(dnx_faces_args, mtcnn, "-mtcnn", "FOLDER",
                 "cfg and weights of the detector; default: where `make faces-deps` puts them"),
    DNX_ARG_FLAG(dnx_faces_args, time, "-time", "print where the time goes"),
    DNX_ARG_FLAG(dnx_faces_args, json, "-json", "print JSON, for scripts"),
    DNX_ARG_THREADS(dnx_faces_args),
    DNX_ARG_END,
};

static dnx_status skip(dnx_finding *j, const char *why, dnx_err *err) {
    fprintf(stderr, "%s\n", why);
    return dnx_skipped_add_line(&j->skipped, why) ? DNX_OK : dnx_no_memory(j->out, err);
}

static dnx_status keep(dnx_finding *j, size_t count, dnx_err *err) {
    dnx_status st = dnx_outfile_sync_many(j->out, err);
    for (size_t i = 0; i < count; i++) {
        dnx_finding_item *it = &j->item[i];
        if (!st && it->is_done) st = dnx_finding_record(j, it, err);
        else if (!st && it->said.text[0]) st = skip(j, it->said.text, err);
        j->processed += it->is_done;
        free(it->faces);
        dnx_image_free(&it->frame);
    }
    fflush(j->record.file);
    return st;
}

/* Reports a video that ends early in the same way as a photograph that cannot be read. */
static dnx_status check_end(dnx_finding *j, dnx_err *err) {
    dnx_err early = {0};
    const bool has_all = !j->video || (j->a->frames && j->seen == (size_t)j->a->frames);
    return has_all || !dnx_video_end(j->video, &early) ? DNX_OK : skip(j, early.text, err);
}

static dnx_status look_at_all(dnx_finding *j, dnx_pool *pool, dnx_err *err) {
    const bool is_camera = j->video && dnx_video_is_camera(j->a->photos);
    dnx_status st = DNX_OK;
    for (size_t n; !st && (n = dnx_finding_next(j));) {
        dnx_pool_each(pool, (long)n, dnx_finding_look, j);
        st = keep(j, n, err);
        if (!st && j->cannot_write)
            st = dnx_fail_at(err, DNX_EIO, j->out, "stopped: a crop cannot be written");
        if (!st && !is_camera) st = dnx_stop_check(err);
    }
    if (!st && !is_camera) st = dnx_stop_check(err);
    return st ? st : check_end(j, err);
}

static bool is_video(const char *path) {
    struct stat info;
    return dnx_video_is_named(path) && !(!stat(path, &info) && S_ISDIR(info.st_mode));
}

/* Lists the photographs. A single photograph a/b.png is listed as b.png, so that its crop is
 * OUT/b.jpg. */
static dnx_status find_photos(dnx_finding *j, dnx_err *err) {
    dnx_images *l = &j->images;
    const char *path = j->a->photos, *slash = strrchr(path, '/');
    dnx_status st = dnx_images_find(path, l, err);
    if (!st && l->set.n)
        return dnx_fail_at(err, DNX_EIO, path, "is a verification set: its images are crops");
    if (st || l->is_folder || !slash || l->n != 1 || strcmp(l->name[0], path)) return st;
    char *name = strdup(slash + 1), *base = strndup(path, (size_t)(slash - path + (slash == path)));
    if (!name || !base) {
        free(name);
        free(base);
        return dnx_no_memory(j->out, err);
    }
    free(l->name[0]);
    free(l->base);
    l->name[0] = name;
    l->base = base;
    return DNX_OK;
}

static dnx_status open_photos(dnx_finding *j, dnx_err *err) {
    const char *why, *path = j->a->photos;
    if (!is_video(path)) return find_photos(j, err);
    dnx_status st = dnx_video_open(path, &j->video, err);
    if (st) return st;
    if ((why = dnx_found_refuses(dnx_video_name(j->video))))
        return dnx_fail_at(err, DNX_EIO, path, "%s", why);
    return dnx_video_is_camera(path) || dnx_input_note(path) ? DNX_OK : dnx_no_memory(j->out, err);
}

/* Opens a detector for each worker, and divides the threads among the detectors. */
static dnx_status open_detectors(dnx_finding *j, int threads, dnx_err *err) {
    j->workers = !j->video && j->images.n < (size_t)threads ? (int)j->images.n : threads;
    j->detector = calloc((size_t)j->workers, sizeof *j->detector);
    j->spent = calloc((size_t)j->workers, sizeof *j->spent);
    dnx_status st = j->detector && j->spent ? DNX_OK : dnx_no_memory(j->out, err);
    for (int t = 0; !st && t < j->workers; t++)
        st = dnx_mtcnn_open(j->a->mtcnn, threads / j->workers, &j->detector[t], err);
    return st;
}

/* Checks the files of -landmarks and -sheet: they must not replace a photograph or another output,
 * and a later run must not take them for a photograph or a crop. */
static dnx_status try_outputs(const dnx_finding *j, const char *record, dnx_err *err) {
    char *faceless = dnx_path_join(j->out, "no-face.txt");
    char *skipped = dnx_path_join(j->out, "skipped.txt");
    const char *out[] = {record, faceless, skipped, j->a->landmarks, j->a->sheet};
    enum { OWN = 3, ALL = sizeof out / sizeof *out };
    dnx_status st = faceless && skipped ? DNX_OK : dnx_no_memory(j->out, err);
    for (int i = OWN; !st && i < ALL; i++) {
        if (!out[i]) continue;
        st = dnx_try_another(out[i], out, i, err);
        if (!st) st = dnx_images_note(&j->images, out[i], err);
        if (!st) st = dnx_outfile_try(out[i], err);
        if (!st && j->images.is_folder) st = dnx_crops_no_image(out[i], j->a->photos, err);
        if (!st) st = dnx_crops_no_image(out[i], j->out, err);
    }
    free(faceless);
    free(skipped);
    return st;
}

static dnx_status look(dnx_finding *j, const char *record, size_t *faceless, dnx_err *err) {
    dnx_status st = dnx_finding_take_record(j, record, err);
    if (!st) st = dnx_finding_plan(j, err);
    if (!st) st = try_outputs(j, record, err);
    if (!st) st = dnx_finding_begin_record(j, record, err);
    if (st) return st;
    dnx_pool *pool = dnx_pool_new(j->workers);
    st = pool ? look_at_all(j, pool, err) : dnx_no_memory(j->out, err);
    dnx_pool_free(pool);
    if (!st) st = dnx_finding_finish(j, faceless, err);
    if (!st) return dnx_outfile_commit(&j->record, err);
    dnx_outfile_pause(&j->record);
    return st;
}

static dnx_status work(dnx_finding *j, int threads, size_t *faceless, dnx_err *err) {
    dnx_lock *lock = NULL;
    char *record = dnx_path_join(j->out, "faces.record");
    char *lock_file = dnx_path_join(j->out, "faces.lock");
    const bool is_new = access(j->out, F_OK);
    dnx_status st = record && lock_file ? open_photos(j, err) : dnx_no_memory(j->out, err);
    if (!st) st = open_detectors(j, threads, err);
    if (!st && !j->images.is_folder) st = dnx_folder_make(j->out, err);
    else if (!st) st = dnx_crops_apart(j->a->photos, j->out, err);
    if (!st) st = dnx_lock_take(&lock, lock_file, err);
    if (!st) st = look(j, record, faceless, err);
    dnx_lock_release(lock);
    if (st && is_new) rmdir(j->out); /* removes only an empty folder */
    free(record);
    free(lock_file);
    return st;
}

/* Warns of crops whose photograph is gone, and of files that were left out because their names do
 * not end as an image's. */
static void print_doubts(const dnx_finding *j) {
    const char *one = NULL;
    size_t gone = 0;
    for (size_t i = 0; j->images.is_folder && i < j->list.n; i++) {
        char *path = dnx_images_path(&j->images, j->list.photo[i].path);
        if (path && access(path, F_OK) && !gone++) one = j->list.photo[i].path;
        free(path);
    }
    if (gone)
        fprintf(stderr,
                "%s: also has crops of %zu %s no longer in %s, such as "
                "%s\n",
                j->out, gone, dnx_plural(gone, "photograph that is", "photographs that are"),
                j->a->photos, one);
    if (j->images.left_out.n)
        fprintf(stderr, "%s: %zu %s left out, without the name of a photograph\n", j->a->photos,
                j->images.left_out.n, dnx_plural(j->images.left_out.n, "file was", "files were"));
}

static void close_job(dnx_finding *j) {
    for (int t = 0; j->detector && t < j->workers; t++) dnx_mtcnn_close(j->detector[t]);
    for (size_t i = 0; j->crop && i < j->images.n; i++) free(j->crop[i]);
    free(j->detector);
    free(j->spent);
    free(j->crop);
    free(j->todo);
    dnx_found_free(&j->list);
    dnx_skipped_free(&j->skipped);
    dnx_images_free(&j->images);
    dnx_video_close(j->video);
}

static int run(const void *args, dnx_err *err) {
    const dnx_faces_args *a = args;
    dnx_err why = {0};
    size_t faceless = 0;
    double start = dnx_now();
    if ((a->every > 1 || a->frames) && !is_video(a->photos))
        return dnx_wrong("-every and -frames are for videos, and %s is none", a->photos);
    char *out = dnx_folder_name(a->out);
    dnx_finding *j = calloc(1, sizeof *j);
    if (!j || !out) return dnx_no_memory(a->out, err) != DNX_OK;
    j->a = a;
    j->out = out;
    dnx_stop_on_signals();
    dnx_status st = work(j, dnx_threads(a->threads), &faceless, &why);
    if (!st) {
        print_doubts(j);
        dnx_finding_print(j, faceless, dnx_now() - start);
    }
    const bool has_skipped = j->skipped.n;
    close_job(j);
    free(j);
    free(out);
    if (st == DNX_ESTOP)
        return dnx_fail_at(err, st, NULL, "%s; the same command continues", why.text) != DNX_OK;
    *err = why;
    return st || has_skipped;
}

const dnx_verb dnx_cmd_faces = {
    "faces",
    "find the faces of photographs or videos and cut them out",
    table,
    sizeof(dnx_faces_args),
    run,
    "The crops are 112 x 112 pixels, as ArcFace uses them. The main face of a photograph has its "
    "name, others have a number: b.jpg, b.2.jpg. The main face has the largest area of its box "
    "minus twice the squared distance from the centre. OUT/no-face.txt lists photographs without "
    "a face, OUT/skipped.txt those that cannot be read; status 1 then. The same command continues "
    "after an interruption and takes new and changed photographs. A build with `make OPENCV=1` "
    "reads videos (.avi .mp4 .mov .mkv .webm .mpg .mpeg .m4v .wmv) and cameras: "
    "out/walk/frame-000025.jpg is frame 25 of walk.avi. A camera runs until Ctrl-C."};
