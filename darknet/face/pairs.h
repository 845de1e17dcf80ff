/* pairs.h - the one reader of pairs of faces to verify. Tabs, commas or white space separate, as
 * base/lines.h tells. A line is one of these, all of one kind:
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
 * Where the file tells no folds there are ten, each with a tenth of the pairs of one person and a
 * tenth of the others, in their order: LFW's own folds, without its first line. */
#ifndef DNX_PAIRS_H
#define DNX_PAIRS_H
#include "base/lines.h"
#include "data/binset.h"
#include "dnx.h"

typedef struct {
    char *name[2]; /* of the images, relative to a folder, perhaps without a suffix */
    bool same;
    int fold; /* from 0 */
} dnx_face_pair;

typedef struct {
    dnx_face_pair *pair;
    size_t n;
    int folds;
    uint64_t checksum; /* of all pairs: tells two lists apart */
} dnx_pairs;

/* DNX_EIO; DNX_EPARSE: a line of no kind or of another one, too few or too many pairs, none of one
 * person or none of two; DNX_EMEM. Free p in any case. */
dnx_status dnx_pairs_open(const char *file, dnx_pairs *p, dnx_err *err);
/* The same of text in memory. */
dnx_status dnx_pairs_copy(const char *text, size_t len, const char *file, dnx_pairs *p,
                          dnx_err *err);
/* Of a verification set: the names are the numbers of its images, the folds are runs of pairs, as
 * long as possible, the first ones longer, as InsightFace splits. DNX_EMEM. */
dnx_status dnx_pairs_of_set(const dnx_binset *s, const char *file, dnx_pairs *p, dnx_err *err);
void dnx_pairs_free(dnx_pairs *p);

/* The image of that name: in `faces`, by its whole name or by its last part, as it is or with the
 * suffix of an image. *path is the caller's to free; NULL: there is none. false: no memory. */
bool dnx_pairs_find(const char *faces, const char *name, char **path);
/* Whether that is a verification set by its name, NAME.bin. */
bool dnx_pairs_is_set(const char *path);
#endif
