/* pairs.h - reads lists of pairs of faces for verification. Fields are separated by tabs, commas or
 * white space (base/lines.h). All lines of a list have one of these layouts:
 *
 *   NAME I J, NAME I OTHER J   LFW: images NAME/NAME_000I and NAME/NAME_000J, or OTHER/OTHER_000J.
 *                              The first line may be FOLDS PAIRS or PAIRS: then each fold has PAIRS
 *                              pairs of the same person and PAIRS pairs of two people
 *   IMAGE IMAGE SAME [FOLD]    SAME: 1 or True; 0, -1 or False
 *   SAME IMAGE IMAGE
 *   IMAGE SAME                 CALFW and CPLFW: two lines are a pair. SAME > 0: the same person
 *   a table                    the first line names its columns, as image1,image2,same,fold
 *
 * A list without folds is divided into ten folds, or into fewer if it has under ten pairs of the
 * same person or under ten pairs of two people. Each fold gets the same share of both kinds of
 * pairs, in the order of the list. */
#ifndef DNX_PAIRS_H
#define DNX_PAIRS_H
#include "base/lines.h"
#include "data/binset.h"
#include "dnx.h"

typedef struct {
    char *name[2]; /* paths of the two images in a folder, with or without a suffix */
    bool same;
    int fold; /* counts from 0 */
} dnx_face_pair;

typedef struct {
    dnx_face_pair *pair;
    size_t n;
    int folds;
    uint64_t checksum; /* of all pairs, to tell lists apart */
} dnx_pairs;

/* Reads a list. Errors: DNX_EIO when the file cannot be read; DNX_EPARSE for a wrong list, also
 * when the list fits two layouts, has no pair of the same person, or has no pair of two people;
 * DNX_EMEM. Free p, also after an error. */
dnx_status dnx_pairs_open(const char *file, dnx_pairs *p, dnx_err *err);
/* Makes the pairs of a verification set. The name of an image is its number in the set. As in
 * InsightFace, there are at most ten folds of consecutive pairs, and longer folds come first.
 * `file` is for messages. Errors: DNX_EMEM. */
dnx_status dnx_pairs_of_set(const dnx_binset *s, const char *file, dnx_pairs *p, dnx_err *err);
void dnx_pairs_free(dnx_pairs *p);

/* Finds the file of an image in the folder `faces`. Tries the name, then its part after the last
 * slash, with and without suffixes of images. The caller frees *path, which is NULL when no file is
 * found. Returns false when memory runs out. */
bool dnx_pairs_find(const char *faces, const char *name, char **path);
#endif
