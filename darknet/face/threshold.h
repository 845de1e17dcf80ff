/* threshold.h - the cosine above which two faces are taken for one person: a number, or the file
 * threshold.json that scripts/eval_lfw.py and scripts/eval_identification.py write. */
#ifndef DNX_THRESHOLD_H
#define DNX_THRESHOLD_H
#include "dnx.h"

typedef struct {
    bool is_known;    /* false: none was given */
    double cosine;
    double rate;      /* its false-match rate: the share of pairs of different people that is above;
                       * 0: not known, it was a number */
    bool has_network; /* the file names the network that it was measured with */
    uint64_t network; /* its dnx_net_fingerprint() */
} dnx_threshold;

/* text: a number from -1 to 1, or the path of such a file; NULL: none. DNX_EIO: cannot be read.
 * DNX_EPARSE: another kind of file; a number is missing or out of its bounds; it is of features
 * with mirrored images. */
dnx_status dnx_threshold_read(const char *text, dnx_threshold *t, dnx_err *err);
/* DNX_EPARSE: it was measured with another network than that of this fingerprint. */
dnx_status dnx_threshold_fits(const dnx_threshold *t, const char *text, uint64_t network,
                              dnx_err *err);
#endif
