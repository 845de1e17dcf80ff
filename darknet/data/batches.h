/* batches.h - batches of images, decoded ahead of the trainer. */
#ifndef DNX_FEED_H
#define DNX_FEED_H
#include "data/pixels.h"

typedef struct dnx_batches dnx_batches;

typedef struct {
    const float *x;                /* B x H x W x C */
    const float *truth;            /* B class indices, -1: not known */
    const uint32_t *image;         /* B places in the list */
    const unsigned char *mirrored; /* B times 0 or 1 */
    bool altered; /* an image was augmented randomly, so cached teacher outputs do not apply */
} dnx_batch;

/* What dnx_batches_open would refuse, for a check before a run makes files. DNX_ESHAPE: the network
 * takes no image of 1 or 3 channels. DNX_EOPTION: options of sampling or augmentation that do not
 * go together. */
/* Of the network alone. */
dnx_status dnx_batches_check_net(const dnx_net *net, dnx_err *err);
dnx_status dnx_batches_check(const dnx_data *data, const dnx_net *net, dnx_err *err);
/* Starts `threads` readers that decode sub-batches of net->batch images ahead, at most 4 of them.
 * dnx_sampler_pick chooses image p of the run (p counts from net->seen), and dnx_augment_draw its
 * changes. The result depends neither on the number and speed of the readers, nor on where a run
 * was resumed. An image that passed the scan but cannot be decoded is replaced by another one. If
 * no image can be read, because a disk or folder is missing for a while, the readers wait. data and
 * net must outlive the feed. The errors of dnx_batches_check; DNX_EMEM. */
dnx_status dnx_batches_open(const dnx_data *data, const dnx_net *net, uint64_t seed, int threads,
                            dnx_batches **out, dnx_err *err);
void dnx_batches_close(dnx_batches *f); /* f may be NULL; waits for the readers */

/* From now on dnx_batches_next() calls note(arg, line) in its thread with messages of the readers:
 * "NAME: skipped: WHY", once for each image, and "NAME: cannot be read: WHY; waiting for it". */
void dnx_batches_notes(dnx_batches *f, void (*note)(void *arg, const char *line), void *arg);
/* The next sub-batch, valid until the next call. DNX_EIO: more than 1 % of the list cannot be
 * decoded, or no image could be read for ten minutes; DNX_ESTOP: a signal stopped the wait. */
dnx_status dnx_batches_next(dnx_batches *f, dnx_batch *batch, dnx_err *err);
#endif
