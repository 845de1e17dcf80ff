/* crops.h - lists the crops to make: one for each image of a folder or of a landmark file. */
#ifndef DNX_CROPS_H
#define DNX_CROPS_H
#include "data/images.h"
#include "face/landmarks.h"

typedef enum { DNX_CROP_WRITTEN, DNX_CROP_THERE, DNX_CROP_FAILED } dnx_crop_outcome;

typedef struct {
    const char *path;            /* the image, relative to the images' folder */
    char *out;                   /* the crop's file: FOLDER/a/b.jpg for the image a/b.png */
    const dnx_landmarked *faces; /* NULL when the landmarks do not name the image */
    dnx_crop_outcome is;         /* set and read only by the caller */
} dnx_crop;

/* Lists a crop in `folder` for each path in l or in images, sorted by `out`. First completes the
 * paths in l without a suffix: "a/b" becomes "a/b.png" when that image exists. l and images must
 * outlive the list. Errors: DNX_EIO when several images have the name "a/b" without suffix;
 * DNX_EMEM. Free the list, also after an error. */
dnx_status dnx_crops_list(dnx_landmarks *l, const dnx_images *images, const char *folder,
                          dnx_crop **crops, size_t *n, dnx_err *err);
void dnx_crops_free(dnx_crop *crops, size_t n);
/* Returns false when a path starts with / or has a part "..": the crop would leave its folder. */
bool dnx_crop_stays(const char *path);
/* Returns FOLDER/a/b.jpg for a/b.png; for number 2, FOLDER/a/b.2.jpg. free() it. NULL when memory
 * runs out. */
char *dnx_crop_name(const char *folder, const char *path, size_t number);
#endif
