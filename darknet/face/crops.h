/* crops.h - which crops there are to make: one of each image of a folder, and of each image that
 * the landmarks name. */
#ifndef DNX_CROPS_H
#define DNX_CROPS_H
#include "data/images.h"
#include "face/landmarks.h"

typedef enum { DNX_CROP_WRITTEN, DNX_CROP_THERE, DNX_CROP_FAILED } dnx_crop_outcome;

typedef struct {
    const char *path;            /* of the image, relative to the images' folder */
    char *out;                   /* the crop's file: FOLDER/a/b.jpg of a/b.png; NULL: no memory */
    const dnx_landmarked *faces; /* NULL when the landmarks do not name the image */
    dnx_crop_outcome is;         /* for the caller */
} dnx_crop;

/* Lists the crops, sorted by `out`. A name of the landmarks without a suffix, as in VGGFace2 and
 * FDDB, becomes that of its image. The landmarks and the images must outlive the list.
 * DNX_EIO: a name could be one of several images; DNX_EMEM. Free the list in any case. */
dnx_status dnx_crops_list(dnx_landmarks *l, const dnx_images *images, const char *folder,
                          dnx_crop **crops, size_t *n, dnx_err *err);
void dnx_crops_free(dnx_crop *crops, size_t n);
/* Whether a path stays in its folder. The crop of one that leads out of it, by .. or a / at its
 * start, would lie outside, too. */
bool dnx_crop_stays(const char *path);
#endif
