/* finding.h - the job of `darknet faces`: finding_work.c lists the photographs, finding_look.c
 * processes one, finding_record.c keeps the record, and finding_lists.c writes the results. */
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
    bool largest, overwrite, time, json;
} dnx_faces_args;

/* A photograph, or a frame of a video, that a worker processes. */
typedef struct {
    const char *name;
    char frame_name[300]; /* the name of a frame; `name` then points here */
    dnx_image frame;      /* pixels of a frame; a photograph is read by the worker */
    dnx_found *faces;
    size_t n;
    bool is_done;
    dnx_err said; /* the reason when the photograph was skipped */
} dnx_finding_item;

/* Sums over the photographs of one worker; decode and crop are seconds. */
typedef struct {
    double decode, crop;
    long photos;
    dnx_mtcnn_times find;
} dnx_finding_times;

enum { DNX_FINDING_ROUND = 64 };

typedef struct {
    const dnx_faces_args *a;
    const char *out;
    dnx_images images;
    dnx_video *video;            /* the video, or NULL when there are images */
    char **crop;                 /* paths of the first crop of each image, sorted */
    size_t *todo, n_todo, first; /* indices of images that the record lacks; todo[first] is the
                                  * next */
    size_t seen;                 /* number of frames that -every has selected */
    size_t processed;            /* number of photographs or frames that this run has processed */
    dnx_finding_item item[DNX_FINDING_ROUND];
    dnx_mtcnn **detector;     /* one for each worker */
    dnx_finding_times *spent; /* one for each worker */
    int workers;
    dnx_found_list list; /* photographs that are done, and their faces */
    size_t recorded;     /* list.photo[0..recorded-1] come from earlier runs, sorted by path */
    dnx_outfile record;
    dnx_skipped skipped;
    atomic_bool cannot_write;
} dnx_finding;

/* Returns the path of the crop of face `number`, where 1 is the first face; free() it. NULL when
 * memory runs out. */
char *dnx_finding_crop(const dnx_finding *j, const char *photo, size_t number);
/* Removes the crops 1 to n of a photograph, as far as they exist. */
void dnx_finding_remove(const dnx_finding *j, const char *photo, size_t n);
/* Fills j->todo with the photographs that are not in the record. Errors: DNX_EIO when two
 * photographs would have the same first crop; DNX_EMEM. */
dnx_status dnx_finding_plan(dnx_finding *j, dnx_err *err);
/* Puts the next photographs or frames into j->item; returns their number. */
size_t dnx_finding_next(dnx_finding *j);
/* Finds the faces of item i as worker t, and writes their crops. */
void dnx_finding_look(void *finding, int t, long i);

/* Reads the record of earlier runs, OUT/faces.record, into j->list, without photographs that have
 * changed or lack a crop. With -overwrite, removes all recorded crops instead. Errors: DNX_EIO when
 * OUT has images but no record. Without -overwrite, also DNX_EIO when the record has other options
 * or another source than j, or when its source is a camera. DNX_EPARSE when the record is
 * malformed; DNX_EMEM. */
dnx_status dnx_finding_take_record(dnx_finding *j, const char *path, dnx_err *err);
/* Writes j->list to the record, and opens the record to add more. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_finding_begin_record(dnx_finding *j, const char *path, dnx_err *err);
/* Adds a processed photograph to j->list and to the record. Errors: DNX_EMEM. */
dnx_status dnx_finding_record(dnx_finding *j, const dnx_finding_item *it, dnx_err *err);

/* Writes OUT/skipped.txt and OUT/no-face.txt, each unless it would be empty, and the files of
 * -landmarks and -sheet. Adds the number of photographs without a face to *faceless, which the
 * caller first sets to 0. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_finding_finish(dnx_finding *j, size_t *faceless, dnx_err *err);
/* Prints the numbers of photographs and faces, and times, as text or JSON. */
void dnx_finding_print(const dnx_finding *j, size_t faceless, double seconds);
#endif
