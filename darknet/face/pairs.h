/* pairs.h - reads lists of pairs of faces for verification. Fields are separated by tabs, commas or
 * white space (base/lines.h). All lines are of one of these kinds:
 *
 *   NAME I J, NAME I OTHER J   LFW's: the images NAME/NAME_000I and so on; the first line may be
 *                              FOLDS PAIRS or PAIRS: then each fold has so many pairs of one
 *                              person, and as many of two
 *   IMAGE IMAGE SAME [FOLD]    SAME: 1 or True; 0, -1 or False
 *   SAME IMAGE IMAGE
 *   IMAGE SAME                 CALFW and CPLFW: two lines are a pair; SAME: any number but 0
 *   a table                    the first line names its columns: two of images, one of them `same`
 *                              or `label`, perhaps `fold`; `id` and `pair_id` do not count
 *
 * A list without folds is divided into ten, each with a tenth of the pairs of one person and a
 * tenth of the others, in their order. For LFW's list without its first line these are LFW's own
 * folds. */
#ifndef DNX_PAIRS_H
#define DNX_PAIRS_H
#include "base/lines.h"
#include "data/binset.h"
#include "dnx.h"

typedef struct {
    char *name[2]; /* of the two images, relative to a folder, with or without a suffix */
    bool same;
    int fold; /* from 0 */
} dnx_face_pair;

typedef struct {
    dnx_face_pair *pair;
    size_t n;
    int folds;
    uint64_t checksum; /* of all pairs: two different lists have different checksums */
} dnx_pairs;

/* DNX_EIO. DNX_EPARSE: a line of no kind or of another kind, too few or too many pairs, no pairs of
 * one person, or none of two. DNX_EMEM. Free p in any case. */
dnx_status dnx_pairs_open(const char *file, dnx_pairs *p, dnx_err *err);
/* Reads from memory instead. */
dnx_status dnx_pairs_copy(const char *text, size_t len, const char *file, dnx_pairs *p,
                          dnx_err *err);
/* Makes the pairs of a verification set. Names are the numbers of its images. Folds are as equal
 * runs of pairs as possible, the first ones longer, as InsightFace splits. DNX_EMEM. */
dnx_status dnx_pairs_of_set(const dnx_binset *s, const char *file, dnx_pairs *p, dnx_err *err);
void dnx_pairs_free(dnx_pairs *p);

/* Finds an image in the folder `faces`, by its whole name or by the name's last part, with or
 * without the suffix of an image. *path: free() it; NULL when there is no such image. Returns false
 * without memory. */
bool dnx_pairs_find(const char *faces, const char *name, char **path);
/* Returns true when the name is that of a verification set, NAME.bin. */
bool dnx_pairs_is_set(const char *path);
#endif
