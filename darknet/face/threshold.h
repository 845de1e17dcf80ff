/* threshold.h - the decision threshold: two faces are the same person when their cosine is above
 * this threshold. A user gives a number, or the threshold.json of scripts/eval_lfw.py or
 * scripts/eval_identification.py. */
#ifndef DNX_THRESHOLD_H
#define DNX_THRESHOLD_H
#include "dnx.h"

typedef struct {
    bool is_known; /* false when the user gave no threshold */
    double cosine;
    double rate;      /* false-match rate; 0 when the user gave a number */
    bool has_network; /* the file names the network that the threshold was measured with */
    uint64_t network; /* dnx_net_fingerprint() of this network */
} dnx_threshold;

/* Reads a number from -1 to 1, or the path of a threshold.json. text is NULL when the user gave
 * no threshold. Errors: DNX_EIO when text is neither a number nor a readable file; DNX_EPARSE when
 * the number or the file is wrong. */
dnx_status dnx_threshold_read(const char *text, dnx_threshold *t, dnx_err *err);
/* Returns DNX_EPARSE when t was measured with another network. network: dnx_net_fingerprint() of
 * the network in use. text: as for dnx_threshold_read(). */
dnx_status dnx_threshold_fits(const dnx_threshold *t, const char *text, uint64_t network,
                              dnx_err *err);
#endif
