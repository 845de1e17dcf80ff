/* finding.h - the job of `darknet faces`, in parts: what is to do (finding_work.c), one photograph
 * (finding_look.c), the record of what is done (finding_record.c), and what is written at the end
 * (finding_lists.c). */
#ifndef DNX_CMD_FINDING_H
#define DNX_CMD_FINDING_H
#include <stdatomic.h>

#include "base/outfile.h"
#include "data/images.h"
#include "face/found.h"
#include "face/video.h"

typedef struct {
    const char *photos, *out, *landmarks, *sheet, *mtcnn;
    int least, threads, every, frames;
    bool largest, overwrite, time;
} dnx_faces_args;

/* A photograph, or a frame of a video, that is looked at. */
typedef struct {
    const char *name;
    char frame_name[300]; /* name, for a frame */
    dnx_image frame;      /* its pixels; of a photograph the worker reads them */
    dnx_found *faces;
    size_t n;
    bool is_done;
    dnx_err said;
} dnx_finding_item;

/* Sums over all photographs: seconds of all threads, and what the networks looked at. */
typedef struct {
    double decode, shrink, proposals, refine, output, crop;
    long photos, pages, windows[2];
    int page_w, page_h; /* of the largest page */
} dnx_finding_times;

enum { DNX_FINDING_ROUND = 64 };

typedef struct {
    const dnx_faces_args *a;
    const char *out;
    dnx_images images;
    dnx_video *video;            /* instead of images */
    char **crop;                 /* of images: the first crop of each, sorted */
    size_t *todo, n_todo, first; /* images that are not in the record; the next one */
    size_t seen, is_new;         /* frames of the video; photographs or frames looked at now */
    dnx_finding_item item[DNX_FINDING_ROUND];
    dnx_mtcnn **detector;        /* one for each worker */
    dnx_finding_times *spent;
    int workers;
    dnx_found_list list;         /* what is done */
    size_t recorded;             /* photographs of it that earlier runs have done, sorted */
    dnx_outfile record;
    dnx_skipped skipped;
    atomic_bool cannot_write;
} dnx_finding;

dnx_status dnx_finding_no_memory(const dnx_finding *j, dnx_err *err);
/* The file of a photograph's face, from 1; free() it. NULL: no memory. */
char *dnx_finding_crop(const dnx_finding *j, const char *photo, size_t number);
/* Removes the crops of its first n faces. */
void dnx_finding_remove(const dnx_finding *j, const char *photo, size_t n);
/* Lists what is not in the record. DNX_EIO: two photographs would have one crop; DNX_EMEM. */
dnx_status dnx_finding_plan(dnx_finding *j, dnx_err *err);
/* Puts the next photographs or frames into j->item; returns how many. */
size_t dnx_finding_next(dnx_finding *j);
/* Looks at item i as worker t, and writes its crops: a function for dnx_pool_each(). */
void dnx_finding_look(void *finding, int t, long i);

/* Reads what earlier runs have done, from OUT/faces.record, into j->list. DNX_EIO: crops of other
 * options, of other photographs, or of nobody knows what are there. */
dnx_status dnx_finding_take_record(dnx_finding *j, const char *path, dnx_err *err);
/* Opens the record behind what is done. */
dnx_status dnx_finding_begin_record(dnx_finding *j, const char *path, dnx_err *err);
/* Adds a photograph that was looked at. */
dnx_status dnx_finding_record(dnx_finding *j, const dnx_finding_item *it, dnx_err *err);

/* Writes the lists and the sheet; *faceless: photographs without a face. */
dnx_status dnx_finding_finish(dnx_finding *j, size_t *faceless, dnx_err *err);
void dnx_finding_print_times(const dnx_finding *j);
#endif
