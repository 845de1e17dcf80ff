/* finding_record.c - OUT/faces.record of `darknet faces`: the photographs that are done. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/files.h"
#include "cmd/finding.h"

#define PHOTOS " photos="

/* Returns the folder or video that the photographs come from. For a list, returns the folder where
 * its relative paths start, or "/" when all its paths are absolute. */
static const char *source(const dnx_finding *j) {
    bool is_relative = false;
    if (j->video || j->images.is_folder) return j->a->photos;
    for (size_t i = 0; i < j->images.n; i++) is_relative |= j->images.name[i][0] != '/';
    return is_relative ? *j->images.base ? j->images.base : "." : "/";
}

static void describe(const dnx_finding *j, char *text, size_t size) {
    char every[40] = "";
    char *path = realpath(source(j), NULL);
    if (j->video) snprintf(every, sizeof every, " every=%d", j->a->every);
    snprintf(text, size, "min-face=%d largest=%d%s detector=%016" PRIx64 PHOTOS "%s", j->a->least,
             j->a->largest, every, dnx_mtcnn_checksum(j->detector[0]), path ? path : source(j));
    for (char *c = text; *c; c++)
        if (*c == '\n') *c = '?'; /* a newline would end the line of the record */
    free(path);
}

static int64_t nanoseconds(struct timespec t) { return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec; }

/* Returns when the file last changed, in nanoseconds since 1970, or 0 when there is no file. */
static int64_t changed(const char *path) {
    struct stat info;
    return path && !stat(path, &info) ? nanoseconds(info.st_mtim) : 0;
}

/* Returns the record of an interrupted run or, without one, of a finished run. Returns NULL when
 * there is no record. *time: when the record last changed. */
static char *read_record(const char *path, size_t *len, int64_t *time) {
    char partial[4200];
    snprintf(partial, sizeof partial, "%s.partial", path);
    char *text = dnx_file_read_unnoted(partial, DNX_MAX_FILE, len);
    if (!text || !*len) {
        free(text);
        text = dnx_file_read_unnoted(path, DNX_MAX_FILE, len);
    } else path = partial;
    *time = text ? changed(path) : 0;
    return text;
}

/* Returns true when the photograph is newer than its first crop or, when it has no face, than the
 * record. A photograph with a time in the future is not newer. */
static bool is_newer(const dnx_finding *j, const dnx_found_photo *p, int64_t done) {
    struct timespec now;
    char *path = j->video ? strdup(j->a->photos) : dnx_images_path(&j->images, p->path);
    char *crop = p->n ? dnx_finding_crop(j, p->path, 1) : NULL;
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t photo = changed(path), cut = changed(crop);
    const bool is = photo > (cut ? cut : done) && photo <= nanoseconds(now);
    free(path);
    free(crop);
    return is;
}

static bool has_crops(const dnx_finding *j, const dnx_found_photo *p) {
    bool all = true;
    for (size_t i = 0; all && i < p->n; i++) {
        char *name = dnx_finding_crop(j, p->path, i + 1);
        all = name && !access(name, F_OK);
        free(name);
    }
    return all;
}

static dnx_status refuse_images_without_record(const dnx_finding *j, dnx_err *err) {
    dnx_images there = {0};
    dnx_status st = DNX_OK;
    if (!dnx_images_find(j->out, &there, &(dnx_err){0}))
        st = dnx_fail_at(
            err, DNX_EIO, j->out,
            "has images that `darknet faces` did not put there, such as %s; name another folder",
            there.name[0]);
    dnx_images_free(&there);
    return st;
}

static dnx_status refuse_others(const char *path, const char *old, const char *now, dnx_err *err) {
    const char *was = strstr(old, PHOTOS), *is = strstr(now, PHOTOS);
    const int n = was ? (int)(was - old) : (int)strlen(old), m = (int)(is - now);
    if (n != m || memcmp(old, now, (size_t)n))
        return dnx_fail_at(err, DNX_EIO, path,
                           "lists crops made with %.*s, not %.*s; -overwrite makes them again, or "
                           "name another folder",
                           n < 100 ? n : 100, old, m, now);
    return dnx_fail_at(
        err, DNX_EIO, path,
        "lists crops of %.150s, not of %.150s; -overwrite makes them again, or name another folder",
        was ? was + strlen(PHOTOS) : "an older version", is + strlen(PHOTOS));
}

static dnx_status take(dnx_finding *j, const dnx_found_list *old, int64_t time, dnx_err *err) {
    dnx_status st = DNX_OK;
    for (size_t i = 0; !st && i < old->n; i++) {
        const dnx_found_photo *p = &old->photo[i];
        if (j->a->overwrite || is_newer(j, p, time)) dnx_finding_remove(j, p->path, p->n);
        else if (has_crops(j, p))
            st = dnx_found_add(&j->list, p->path, old->face + p->first, p->n, err);
    }
    dnx_found_sort(&j->list);
    return st;
}

dnx_status dnx_finding_take_record(dnx_finding *j, const char *path, dnx_err *err) {
    char options[DNX_FOUND_OPTIONS];
    dnx_found_list old = {0};
    int64_t time;
    size_t len = 0;
    char *text = read_record(path, &len, &time);
    if (!text) return refuse_images_without_record(j, err);
    dnx_status st = dnx_found_parse(text, len, path, &old, err);
    describe(j, options, sizeof options);
    if (!st && !j->a->overwrite && old.options[0]) {
        if (strcmp(old.options, options)) st = refuse_others(path, old.options, options, err);
        else if (j->video && dnx_video_is_camera(j->a->photos))
            st = dnx_fail_at(err, DNX_EIO, path,
                             "has frames of this camera, which cannot be continued; -overwrite "
                             "removes them, or name another folder");
    }
    if (!st) st = take(j, &old, time, err);
    dnx_found_free(&old);
    free(text);
    return st;
}

static void put(FILE *f, const dnx_finding *j, const dnx_found_photo *p) {
    dnx_found_print(f, p->path, j->list.face + p->first, p->n);
}

/* Replaces path.partial in one step and opens it to append, so that a kill loses no photograph of
 * an earlier run. */
dnx_status dnx_finding_begin_record(dnx_finding *j, const char *path, dnx_err *err) {
    char options[DNX_FOUND_OPTIONS], *text = NULL, *partial = malloc(strlen(path) + 9);
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    describe(j, options, sizeof options);
    if (f) fprintf(f, "darknet faces 1 %s\n", options);
    for (size_t i = 0; f && i < j->list.n; i++) put(f, j, &j->list.photo[i]);
    bool ok = f && !fclose(f) && partial;
    dnx_status st = ok ? DNX_OK : dnx_no_memory(j->out, err);
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

dnx_status dnx_finding_record(dnx_finding *j, const dnx_finding_item *it, dnx_err *err) {
    dnx_status st = dnx_found_add(&j->list, it->name, it->faces, it->n, err);
    if (!st) put(j->record.file, j, &j->list.photo[j->list.n - 1]);
    return st;
}
