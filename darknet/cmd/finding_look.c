/* finding_look.c - finds the faces of a photograph for `darknet faces`, and writes their crops. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/paths.h"
#include "base/stop.h"
#include "cmd/crops.h"
#include "cmd/finding.h"
#include "data/jpeg.h"
#include "face/crop.h"
#include "face/crops.h"

/* Returns the path without the "/", "./" and "../" in front, so that OUT/path lies inside OUT. When
 * "/../" remains in the path, returns only the name of the file. */
static const char *inside(const char *path) {
    for (;;) {
        if (*path == '/') path++;
        else if (!strncmp(path, "./", 2)) path += 2;
        else if (!strncmp(path, "../", 3)) path += 3;
        else break;
    }
    return strstr(path, "/../") ? strrchr(path, '/') + 1 : path;
}

char *dnx_finding_crop(const dnx_finding *j, const char *photo, size_t number) {
    return dnx_crop_name(j->out, inside(photo), number);
}

void dnx_finding_remove(const dnx_finding *j, const char *photo, size_t n) {
    for (size_t i = 1; i <= n; i++) {
        char *name = dnx_finding_crop(j, photo, i);
        if (name) unlink(name);
        free(name);
    }
}

/* Refuses a name that two crops would have: b.2.jpg is face 2 of b.jpg or face 1 of b.2.jpg. */
static dnx_status refuse_taken(const dnx_finding *j, const char *photo, char *crop, size_t number,
                               dnx_err *err) {
    if (number == 1 || !j->crop || !bsearch(&crop, j->crop, j->images.n, sizeof crop, dnx_by_text))
        return DNX_OK;
    return dnx_fail_at(
        err, DNX_EIO, photo,
        "the crop of its face %zu would be %s, as that of another photograph: rename one", number,
        crop);
}

static dnx_status write_crop(dnx_finding *j, const dnx_shrunk *image, const dnx_finding_item *it,
                             size_t number, dnx_err *err) {
    unsigned char crop[DNX_CROP * DNX_CROP * 3];
    size_t n = 0;
    if (!dnx_face_crop(image, &it->faces[number - 1].points, DNX_CROP, crop))
        return dnx_fail_at(err, DNX_EIO, it->name, "the points of a face fall together");
    char *name = dnx_finding_crop(j, it->name, number);
    unsigned char *bytes = dnx_jpeg_encode(crop, DNX_CROP, DNX_CROP, DNX_CROP_QUALITY, &n);
    dnx_status st = name && bytes ? refuse_taken(j, it->name, name, number, err)
                                  : dnx_no_memory(j->out, err);
    if (!st && (st = dnx_crop_write(name, bytes, n, err)))
        j->cannot_write = true; /* the next crop would fail as well */
    free(bytes);
    free(name);
    return st;
}

/* Writes the crop of each face. After an error, removes the crops that it has already written. */
static dnx_status write_crops(dnx_finding *j, const dnx_shrunk *image, const dnx_finding_item *it,
                              dnx_err *err) {
    for (size_t i = 1; i <= it->n; i++) {
        const dnx_status st = write_crop(j, image, it, i, err);
        if (!st) continue;
        dnx_finding_remove(j, it->name, i - 1);
        return st;
    }
    return DNX_OK;
}

static dnx_status find(dnx_finding *j, int t, const dnx_image *image, dnx_finding_item *it) {
    const dnx_found *faces;
    size_t n;
    dnx_finding_times *spent = &j->spent[t];
    dnx_status st = dnx_mtcnn_find(j->detector[t], image, (double)j->a->least / image->shrink,
                                   &faces, &n, &it->said);
    if (st) return st;
    it->faces = malloc((n + 1) * sizeof *faces);
    if (!it->faces) return dnx_no_memory(j->out, &it->said);
    if (n) memcpy(it->faces, faces, n * sizeof *faces);
    dnx_faces_sort(it->faces, n, image->w, image->h);
    it->n = j->a->largest && n > 1 ? 1 : n;
    dnx_mtcnn_times_add(&spent->find, dnx_mtcnn_timed(j->detector[t]));
    spent->photos++;
    double start = dnx_now();
    st = write_crops(j, dnx_mtcnn_image(j->detector[t]), it, &it->said);
    spent->crop += dnx_now() - start;
    for (size_t i = 0; i < it->n; i++) dnx_found_enlarge(&it->faces[i], image->shrink);
    return st;
}

/* Returns the factor by which the decoder may shrink a photograph: a face of `least` pixels must
 * still fill its crop. */
static int shrink_for(int least) {
    int by = 1;
    while (by < 8 && least / (2 * by) >= DNX_CROP) by *= 2;
    return by;
}

static dnx_status look_at_photo(dnx_finding *j, int t, dnx_finding_item *it) {
    dnx_image image = {0};
    const char *why = dnx_found_refuses(it->name);
    if (why) return dnx_fail_at(&it->said, DNX_EIO, it->name, "%s", why);
    double start = dnx_now();
    char *path = dnx_images_path(&j->images, it->name);
    if (!path) return dnx_no_memory(j->out, &it->said);
    dnx_image_fault fault = dnx_image_read_shrunk(path, shrink_for(j->a->least), &image);
    if (fault)
        dnx_fail_at(&it->said, DNX_EIO, path, "%s",
                    fault == DNX_IMAGE_REFUSED ? image.why : strerror(errno));
    free(path);
    j->spent[t].decode += dnx_now() - start;
    if (fault) return DNX_EIO;
    dnx_status st = find(j, t, &image, it);
    dnx_image_free(&image);
    return st;
}

void dnx_finding_look(void *finding, int t, long i) {
    dnx_finding *j = finding;
    dnx_finding_item *it = &j->item[i];
    if (j->cannot_write || dnx_stop_asked() || it->said.status) return;
    it->is_done = !(it->frame.rgb ? find(j, t, &it->frame, it) : look_at_photo(j, t, it));
}
