/* threshold.h - the decision threshold: two faces are the same person when their cosine is above
 * the threshold. A user gives a number, or the file threshold.json that scripts/eval_lfw.py and
 * scripts/eval_identification.py write. */
#ifndef DNX_THRESHOLD_H
#define DNX_THRESHOLD_H
#include "dnx.h"

typedef struct {
    bool is_known; /* false when the user gave no threshold */
    double cosine;
    double rate;      /* false-match rate: the share of pairs of different people with a cosine
                       * above the threshold; 0 when the user gave a number */
    bool has_network; /* the file names the network that the threshold was measured with */
    uint64_t network; /* dnx_net_fingerprint() of this network */
} dnx_threshold;

/* Reads a threshold. text: a number from -1 to 1, the path of a threshold.json, or NULL when the
 * user gave none. DNX_EIO when text is neither a number nor a file that can be read. DNX_EPARSE
 * when it is another kind of file, a number is missing or out of bounds, or the threshold is for
 * features with mirrored images. */
dnx_status dnx_threshold_read(const char *text, dnx_threshold *t, dnx_err *err);
/* Returns DNX_EPARSE when the threshold was measured with another network. network:
 * dnx_net_fingerprint() of the current network. text: as for dnx_threshold_read(), for the
 * message. */
dnx_status dnx_threshold_fits(const dnx_threshold *t, const char *text, uint64_t network,
                              dnx_err *err);
#endif
