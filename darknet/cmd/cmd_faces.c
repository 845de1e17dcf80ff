/* darknet faces: finds the faces of photographs and cuts them out as networks expect them.
 *
 * OUT/a/b.jpg is the main face of PHOTOS/a/b.png, OUT/a/b.2.jpg the next. OUT/faces.record
 * (face/found.h) tells what is done: an interrupted run continues there. */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/lock.h"
#include "base/outfile.h"
#include "base/paths.h"
#include "base/stop.h"
#include "cmd/cmd.h"
#include "cmd/crops.h"
#include "data/images.h"
#include "data/jpeg.h"
#include "face/crop.h"
#include "face/found.h"
#include "face/sheet.h"
#include "kernels/pool.h"
#include "kernels/processors.h"

typedef struct {
    const char *photos, *out, *landmarks, *sheet, *mtcnn;
    int least, threads;
    bool largest, overwrite, time;
} faces_args;

static const dnx_arg table[] = {
    DNX_PLACE(faces_args, photos, "photos", "a folder of photographs, a list of paths, or one"),
    DNX_PLACE(faces_args, out, "out", "the folder of the crops; out/a/b.jpg is photos/a/b.png"),
    DNX_ARG_INT(faces_args, least, "-min-face", "N", 40, 12, 16384,
                "the smallest face that is looked for, pixels"),
    DNX_ARG_FLAG(faces_args, largest, "-largest",
                 "take only the main face: the largest, with a preference for the centre"),
    DNX_ARG_TEXT(faces_args, landmarks, "-landmarks", "FILE",
                 "write the boxes and points there, as `darknet align` reads them"),
    DNX_ARG_TEXT(faces_args, sheet, "-sheet", "FILE",
                 "draw the first 120 crops side by side into a JPEG"),
    DNX_ARG_FLAG(faces_args, overwrite, "-overwrite",
                 "remove crops that were made with other options, and begin anew"),
    DNX_ARG_TEXT(faces_args, mtcnn, "-mtcnn", "FOLDER",
                 "cfg and weights of the detector; default: where `make faces-deps` puts them"),
    DNX_ARG_FLAG(faces_args, time, "-time", "print where the time goes"),
    DNX_ARG_THREADS(faces_args),
    DNX_ARG_END};

static int run(const void *args);

const dnx_verb dnx_cmd_faces = {
    "faces", "find the faces of photographs and cut them out", table, sizeof(faces_args), run,
    "The crops are 112 x 112 pixels, as ArcFace has them. The main face of a photograph has its "
    "name, others have a number: b.jpg, b.2.jpg. The main face has the largest area of its box "
    "less twice the squared distance from the centre. OUT/no-face.txt lists photographs without "
    "a face, OUT/skipped.txt those that cannot be read; status 1 then. The same command goes on "
    "after an interruption and takes new photographs."};

enum { AT_ONCE = 64 };

typedef struct {
    dnx_found *faces;
    size_t n;
    bool is_done;
    dnx_err said;
} item;

/* Seconds in all, of all threads. */
typedef struct {
    double decode, shrink, proposals, refine, output, crop;
} times;

typedef struct {
    const faces_args *a;
    const char *out;
    dnx_images images;
    size_t *todo, n_todo, first; /* images that are not in the record; of this round */
    item item[AT_ONCE];
    dnx_mtcnn **detector;        /* one for each worker */
    times *spent;
    int workers;
    dnx_found_list list;
    dnx_outfile record;
    dnx_skipped skipped;
    atomic_bool cannot_write;
} job;

static dnx_loc at(const char *path) { return (dnx_loc){path, 0}; }

static dnx_status no_memory(const job *j, dnx_err *err) {
    return dnx_fail(err, DNX_EMEM, at(j->out), "no memory");
}

/* A path under which a crop can lie in OUT: without what leads out of it. */
static const char *inside(const char *path) {
    for (;;) {
        if (*path == '/') path++;
        else if (!strncmp(path, "./", 2)) path += 2;
        else if (!strncmp(path, "../", 3)) path += 3;
        else break;
    }
    return strstr(path, "/../") ? strrchr(path, '/') + 1 : path;
}

/* ---- one photograph ---- */

static dnx_status write_crops(job *j, const char *path, const dnx_shrunk *image, item *it,
                              dnx_err *err) {
    unsigned char crop[DNX_CROP * DNX_CROP * 3];
    dnx_status st = DNX_OK;
    for (size_t i = 0; !st && i < it->n; i++) {
        size_t n = 0;
        if (!dnx_face_crop(image, &it->faces[i].points, DNX_CROP, crop))
            return dnx_fail(err, DNX_EIO, at(path), "the points of a face fall together");
        char *name = dnx_crop_name(j->out, inside(path), i + 1);
        unsigned char *bytes = dnx_jpeg_encode(crop, DNX_CROP, DNX_CROP, DNX_CROP_QUALITY, &n);
        st = name && bytes ? dnx_crop_write(name, bytes, n, err) : no_memory(j, err);
        if (st) j->cannot_write = true; /* the next one would fail the same way */
        free(bytes);
        free(name);
    }
    return st;
}

static dnx_status find(job *j, int t, const char *path, const dnx_image *image, item *it) {
    const dnx_found *faces;
    size_t n;
    times *spent = &j->spent[t];
    dnx_status st = dnx_mtcnn_find(j->detector[t], image, (double)j->a->least / image->shrink,
                                   &faces, &n, &it->said);
    if (st) return st;
    it->faces = malloc((n + 1) * sizeof *faces);
    if (!it->faces) return no_memory(j, &it->said);
    if (n) memcpy(it->faces, faces, n * sizeof *faces);
    dnx_faces_sort(it->faces, n, image->w, image->h);
    it->n = j->a->largest && n > 1 ? 1 : n;
    const dnx_mtcnn_times *m = dnx_mtcnn_timed(j->detector[t]);
    spent->shrink += m->shrink;
    spent->proposals += m->proposals;
    spent->refine += m->refine;
    spent->output += m->output;
    double start = dnx_now();
    st = write_crops(j, path, dnx_mtcnn_image(j->detector[t]), it, &it->said);
    spent->crop += dnx_now() - start;
    for (size_t i = 0; i < it->n; i++) dnx_found_enlarge(&it->faces[i], image->shrink);
    return st;
}

/* The decoder may shrink a photograph as long as the smallest face still fills its crop. */
static int shrink_for(int least) {
    int by = 1;
    while (by < 8 && least / (2 * by) >= DNX_CROP) by *= 2;
    return by;
}

static dnx_status look_at(job *j, int t, const char *name, item *it) {
    dnx_image image = {0};
    const char *why = dnx_found_refuses(name);
    if (why) return dnx_fail(&it->said, DNX_EIO, at(name), "%s", why);
    double start = dnx_now();
    char *path = dnx_images_path(&j->images, name);
    if (!path) return no_memory(j, &it->said);
    dnx_image_fault fault = dnx_image_read_shrunk(path, shrink_for(j->a->least), &image);
    if (fault)
        dnx_fail(&it->said, DNX_EIO, at(path), "%s", fault == DNX_IMAGE_REFUSED ? image.why
                                                                               : strerror(errno));
    free(path);
    j->spent[t].decode += dnx_now() - start;
    if (fault) return DNX_EIO;
    dnx_status st = find(j, t, name, &image, it);
    dnx_image_free(&image);
    return st;
}

static void look_at_next(void *arg, int t, long i) {
    job *j = arg;
    item *it = &j->item[i];
    *it = (item){0};
    if (j->cannot_write || dnx_stop_asked()) return;
    it->is_done = !look_at(j, t, j->images.name[j->todo[j->first + (size_t)i]], it);
}

/* ---- the record ---- */

static char *in_out(const job *j, const char *name) { return dnx_path_join(j->out, name); }

/* The options that crops depend on. */
static void describe(const job *j, char *text, size_t size) {
    snprintf(text, size, "min-face=%d largest=%d detector=%016" PRIx64, j->a->least, j->a->largest,
             dnx_mtcnn_checksum(j->detector[0]));
}

/* The text of the record that an interrupted run left, or else of a finished one; NULL: none. */
static char *read_record(const char *path, size_t *len) {
    char partial[4200];
    snprintf(partial, sizeof partial, "%s.partial", path);
    char *text = dnx_file_read_unnoted(partial, DNX_MAX_FILE, len);
    if (text && *len) return text;
    free(text);
    return dnx_file_read_unnoted(path, DNX_MAX_FILE, len);
}

/* Are all crops of the photograph there? With remove: removes them. */
static bool has_crops(const job *j, const dnx_found_photo *p, bool remove) {
    bool all = true;
    for (size_t i = 0; i < p->n; i++) {
        char *name = dnx_crop_name(j->out, inside(p->path), i + 1);
        if (name && remove) unlink(name);
        all = name && !access(name, F_OK) && all;
        free(name);
    }
    return all;
}

/* Crops of which no record tells must not be mixed with ours. */
static dnx_status refuse_strangers(const job *j, dnx_err *err) {
    dnx_images there = {0};
    dnx_status st = DNX_OK;
    if (!dnx_images_find(j->out, &there, &(dnx_err){0}))
        st = dnx_fail(err, DNX_EIO, at(j->out), "has images that `darknet faces` did not put "
                      "there, such as %s; name another folder", there.name[0]);
    dnx_images_free(&there);
    return st;
}

/* What earlier runs have done, into j->list. */
static dnx_status take_record(job *j, const char *path, const char *options, dnx_err *err) {
    dnx_found_list old = {0};
    size_t len = 0;
    char *text = read_record(path, &len);
    if (!text) return refuse_strangers(j, err);
    dnx_status st = dnx_found_parse(text, len, path, &old, err);
    bool is_other = !st && old.options[0] && strcmp(old.options, options);
    if (is_other && !j->a->overwrite)
        st = dnx_fail(err, DNX_EIO, at(path), "tells of crops made with %s, not %s; -overwrite "
                      "makes them anew, or name another folder", old.options, options);
    for (size_t i = 0; !st && i < old.n; i++) {
        const dnx_found_photo *p = &old.photo[i];
        if (j->a->overwrite) has_crops(j, p, true);
        else if (has_crops(j, p, false))
            st = dnx_found_add(&j->list, p->path, old.face + p->first, p->n, err);
    }
    dnx_found_sort(&j->list);
    dnx_found_free(&old);
    free(text);
    return st;
}

static void put_photo(FILE *f, const job *j, const dnx_found_photo *p) {
    dnx_found_print(f, p->path, j->list.face + p->first, p->n, false);
}

/* Opens the record behind what is done. It is replaced whole before that, so that a process that is
 * killed here loses nothing. */
static dnx_status begin_record(job *j, const char *path, const char *options, dnx_err *err) {
    char *text = NULL, *partial = malloc(strlen(path) + sizeof ".partial");
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    if (f) fprintf(f, "darknet faces 1 %s\n", options);
    for (size_t i = 0; f && i < j->list.n; i++) put_photo(f, j, &j->list.photo[i]);
    bool ok = f && !fclose(f) && partial;
    dnx_status st = ok ? DNX_OK : no_memory(j, err);
    if (!st) {
        sprintf(partial, "%s.partial", path);
        st = dnx_outfile_write(partial, text, len, err);
    }
    if (!st) st = dnx_outfile_continue(&j->record, path, err);
    if (!st) fseek(j->record.file, 0, SEEK_END);
    free(partial);
    free(text);
    return st;
}

/* ---- all of them ---- */

/* Removes what a killed process left half-written beside a crop; once for neighbours. */
static void sweep(const char *crop, char **swept) {
    const size_t n = (size_t)(strrchr(crop, '/') - crop);
    if (*swept && strlen(*swept) == n && !strncmp(*swept, crop, n)) return;
    free(*swept);
    *swept = strndup(crop, n);
    if (*swept) dnx_outfile_sweep(*swept);
}

/* Two photographs whose first crops would be one file, a.jpg and a.png, are an error. */
static dnx_status list_work(job *j, dnx_err *err) {
    char *before = NULL, *swept = NULL;
    dnx_status st = DNX_OK;
    j->todo = malloc((j->images.n + 1) * sizeof *j->todo);
    if (!j->todo) return no_memory(j, err);
    for (size_t i = 0; !st && i < j->images.n; i++) {
        char *crop = dnx_crop_name(j->out, inside(j->images.name[i]), 1);
        if (!crop) st = no_memory(j, err);
        else if (before && !strcmp(before, crop))
            st = dnx_fail(err, DNX_EIO, at(j->images.name[i]),
                          "its crop would be %s, as that of %s", crop, j->images.name[i - 1]);
        free(before);
        before = crop;
        if (!st && !dnx_found_get(&j->list, j->images.name[i])) {
            j->todo[j->n_todo++] = i;
            sweep(crop, &swept);
        }
    }
    free(before);
    free(swept);
    return st;
}

/* Takes up what a round has found. */
static dnx_status keep(job *j, size_t count, dnx_err *err) {
    dnx_status st = count ? dnx_outfile_sync_many(j->out, err) : DNX_OK;
    for (size_t i = 0; i < count; i++) {
        item *it = &j->item[i];
        const char *name = j->images.name[j->todo[j->first + i]];
        if (!st && it->is_done) {
            st = dnx_found_add(&j->list, name, it->faces, it->n, err);
            if (!st) put_photo(j->record.file, j, &j->list.photo[j->list.n - 1]);
        } else if (!st && it->said.text[0]) {
            fprintf(stderr, "%s\n", it->said.text);
            if (!dnx_skipped_add_line(&j->skipped, it->said.text)) st = no_memory(j, err);
        }
        free(it->faces);
    }
    fflush(j->record.file);
    return st;
}

static dnx_status look_at_all(job *j, dnx_pool *pool, dnx_err *err) {
    dnx_status st = DNX_OK;
    for (size_t count; !st && j->first < j->n_todo; j->first += count) {
        count = j->n_todo - j->first < AT_ONCE ? j->n_todo - j->first : AT_ONCE;
        dnx_pool_each(pool, (long)count, look_at_next, j);
        st = keep(j, count, err);
        if (!st && j->cannot_write)
            st = dnx_fail(err, DNX_EIO, at(j->out), "stopped: a crop cannot be written");
        if (!st) st = dnx_stop_check(err);
    }
    return st;
}

/* Landmarks for `align`, and the list of photographs without a face. */
static dnx_status write_lists(job *j, size_t *faceless, dnx_err *err) {
    dnx_outfile f;
    dnx_found_sort(&j->list);
    char *path = in_out(j, "no-face.txt");
    dnx_status st = path ? dnx_outfile_open(&f, path, err) : no_memory(j, err);
    for (size_t i = 0; !st && i < j->list.n; i++)
        if (!j->list.photo[i].n) {
            fprintf(f.file, "%s\n", j->list.photo[i].path);
            (*faceless)++;
        }
    if (!st && *faceless) st = dnx_outfile_commit(&f, err);
    else if (!st) {
        dnx_outfile_discard(&f);
        unlink(path);
    }
    free(path);
    if (st || !j->a->landmarks) return st;
    st = dnx_outfile_open(&f, j->a->landmarks, err);
    for (size_t i = 0; !st && i < j->list.n; i++)
        dnx_found_print(f.file, j->list.photo[i].path, j->list.face + j->list.photo[i].first,
                        j->list.photo[i].n, true);
    return st ? st : dnx_outfile_commit(&f, err);
}

/* A contact sheet of the first crops. */
static dnx_status draw_sheet(const job *j, dnx_err *err) {
    enum { COLUMNS = 10, MOST = 120 };
    const size_t n = j->list.faces < MOST ? j->list.faces : MOST;
    const size_t rows = n ? (n + COLUMNS - 1) / COLUMNS : 1;
    dnx_image sheet, crop;
    size_t at = 0;
    if (!dnx_sheet_make(&sheet, DNX_CROP * COLUMNS, DNX_CROP * (int)rows)) return no_memory(j, err);
    for (size_t i = 0; i < j->list.n; i++)
        for (size_t k = 0; k < j->list.photo[i].n && at < MOST; k++, at++) {
            char *name = dnx_crop_name(j->out, inside(j->list.photo[i].path), k + 1);
            if (!name || dnx_image_read(name, &crop)) crop.rgb = NULL; /* removed meanwhile */
            if (crop.rgb)
                dnx_sheet_paste(&sheet, crop.rgb, crop.w, crop.h, (int)(at % COLUMNS) * DNX_CROP,
                                (int)(at / COLUMNS) * DNX_CROP);
            dnx_image_free(&crop);
            free(name);
        }
    dnx_status st = dnx_sheet_write(&sheet, j->a->sheet, err);
    dnx_image_free(&sheet);
    return st;
}

static dnx_status finish(job *j, size_t *faceless, dnx_err *err) {
    char *path = in_out(j, "skipped.txt");
    dnx_status st = path ? dnx_skipped_save(&j->skipped, path, err) : no_memory(j, err);
    free(path);
    if (!st) st = write_lists(j, faceless, err);
    return !st && j->a->sheet ? draw_sheet(j, err) : st;
}

static void print_times(const job *j) {
    times sum = {0};
    const double n = 1e-3 * (double)(j->n_todo ? j->n_todo : 1);
    for (int t = 0; t < j->workers; t++) {
        const times *s = &j->spent[t];
        sum.decode += s->decode, sum.shrink += s->shrink, sum.proposals += s->proposals;
        sum.refine += s->refine, sum.output += s->output, sum.crop += s->crop;
    }
    printf("ms a photograph: %.2f decode, %.2f halves, %.2f P-Net, %.2f R-Net, %.2f O-Net, "
           "%.2f crops (%d side by side)\n", sum.decode / n, sum.shrink / n, sum.proposals / n,
           sum.refine / n, sum.output / n, sum.crop / n, j->workers);
}

/* ---- the verb ---- */

/* A detector for each worker. Many photographs are shared among one-thread detectors, a single one
 * among the threads of one detector. */
static dnx_status open_detectors(job *j, int threads, dnx_err *err) {
    j->workers = j->images.n < (size_t)threads ? (int)j->images.n : threads;
    j->detector = calloc((size_t)j->workers, sizeof *j->detector);
    j->spent = calloc((size_t)j->workers, sizeof *j->spent);
    dnx_status st = j->detector && j->spent ? DNX_OK : no_memory(j, err);
    for (int t = 0; !st && t < j->workers; t++)
        st = dnx_mtcnn_open(j->a->mtcnn, threads / j->workers, &j->detector[t], err);
    return st;
}

static dnx_status look(job *j, const char *record, size_t *faceless, dnx_err *err) {
    char options[200];
    describe(j, options, sizeof options);
    dnx_status st = take_record(j, record, options, err);
    if (!st) st = list_work(j, err);
    if (!st && j->a->landmarks) st = dnx_outfile_try(j->a->landmarks, err);
    if (!st && j->a->sheet) st = dnx_outfile_try(j->a->sheet, err);
    if (!st) st = begin_record(j, record, options, err);
    if (st) return st;
    dnx_pool *pool = dnx_pool_new(j->workers);
    st = pool ? look_at_all(j, pool, err) : no_memory(j, err);
    dnx_pool_free(pool);
    if (!st) st = finish(j, faceless, err);
    if (!st) return dnx_outfile_commit(&j->record, err);
    dnx_outfile_pause(&j->record);
    return st;
}

static dnx_status work(job *j, int threads, size_t *faceless, dnx_err *err) {
    dnx_lock *lock = NULL;
    char *record = in_out(j, "faces.record"), *lock_file = in_out(j, "faces.lock");
    dnx_status st = record && lock_file ? dnx_images_find(j->a->photos, &j->images, err)
                                        : no_memory(j, err);
    if (!st) st = open_detectors(j, threads, err);
    if (!st && !j->images.is_folder) st = dnx_folder_make(j->out, err);
    else if (!st) st = dnx_crops_apart(j->a->photos, j->out, err);
    if (!st) st = dnx_lock_take(&lock, lock_file, err);
    if (!st) st = look(j, record, faceless, err);
    dnx_lock_release(lock);
    free(record);
    free(lock_file);
    return st;
}

static void close_job(job *j) {
    for (int t = 0; j->detector && t < j->workers; t++) dnx_mtcnn_close(j->detector[t]);
    free(j->detector);
    free(j->spent);
    free(j->todo);
    dnx_found_free(&j->list);
    dnx_skipped_free(&j->skipped);
    dnx_images_free(&j->images);
}

static int run(const void *args) {
    const faces_args *a = args;
    dnx_err err = {0};
    size_t faceless = 0;
    char *out = dnx_folder_name(a->out);
    job j = {.a = a, .out = out ? out : a->out};
    double start = dnx_now();
    int cores = dnx_processors();
    dnx_stop_on_signals();
    dnx_status st = work(&j, a->threads ? a->threads : cores > 64 ? 64 : cores, &faceless, &err);
    if (!st) {
        printf("%zu photographs, %zu of them new: %zu faces; %zu without a face, %zu skipped, "
               "%.1f s; the crops are in %s\n", j.images.n, j.n_todo, j.list.faces, faceless,
               j.skipped.n, dnx_now() - start, j.out);
        if (a->time) print_times(&j);
    }
    bool has_skipped = j.skipped.n;
    close_job(&j);
    free(out);
    if (st == DNX_ESTOP) fprintf(stderr, "%s; the same command goes on\n", err.text);
    else if (st) return dnx_report(&err);
    return st || has_skipped;
}
