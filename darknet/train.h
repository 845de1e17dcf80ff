/* train.h - what a run needs around the host's loop: batches ahead of it, and a watch for NaN. */
#ifndef DNX_TRAIN_H
#define DNX_TRAIN_H
#include "data.h"

typedef struct dnx_feed dnx_feed;

/* Starts `threads` readers that decode sub-batches of net->batch images ahead, at most 4 of them.
 * Image p of the run (p counts from net->seen) is number p mod n of epoch p / n; an epoch is a
 * permutation of the list drawn from (seed, epoch), and the flip is drawn from (seed, p): nothing
 * depends on the readers' number or pace, nor on where a run was resumed. An image that passed the
 * scan and cannot be decoded is replaced by the next one of the list. data and net must outlive the
 * feed. DNX_ESHAPE: the network takes no image of 1 or 3 channels; DNX_EMEM. */
dnx_status dnx_feed_open(const dnx_data *data, const dnx_net *net, uint64_t seed, int threads,
                         dnx_decode *other, void (*free_other)(unsigned char *), dnx_feed **out,
                         dnx_err *err);
void dnx_feed_close(dnx_feed *f); /* f may be NULL; waits for the readers */

/* The next sub-batch: *x is B x H x W x C, *truth B class indices; valid until the next call.
 * DNX_EIO: more than 1 % of the list cannot be decoded. */
dnx_status dnx_feed_next(dnx_feed *f, const float **x, const float **truth, dnx_err *err);
/* The path of an image that could not be decoded, each one once; NULL: no more so far. */
const char *dnx_feed_broken(dnx_feed *f);

/* After a forward pass: DNX_ENUMBER names the first layer whose output is not finite. */
dnx_status dnx_check_outputs(const dnx_net *net, dnx_err *err);
/* DNX_ENUMBER names the first layer with a parameter that is not finite. */
dnx_status dnx_check_params(dnx_net *net, dnx_err *err);
#endif
