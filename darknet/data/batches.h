/* batches.h - batches of images, decoded ahead of training. */
#ifndef DNX_BATCHES_H
#define DNX_BATCHES_H
#include "data/pixels.h"

typedef struct dnx_batches dnx_batches;

/* A sub-batch: the images of one forward pass. Their number is B = net->batch, which is batch=
 * divided by subdivisions=. Each update of the weights uses all sub-batches of a batch. */
typedef struct {
    const float *x;                /* B x H x W x C, decoded, augmented and normalised */
    const float *truth;            /* B classes, -1 when unknown */
    const uint32_t *image;         /* B indices of the images in dnx_data */
    const unsigned char *mirrored; /* B flags: 1 when the image is mirrored */
    bool altered; /* an image was changed, not only mirrored: cached teacher outputs do not apply */
} dnx_batch;

/* Checks [net], before the data is read. DNX_ESHAPE when the input has neither 1 nor 3 channels.
 * DNX_EOPTION when options of sampling or augmentation contradict each other. */
dnx_status dnx_batches_check_net(const dnx_net *net, dnx_err *err);
/* Checks the network and the data, before a run creates files. Returns the errors of
 * dnx_batches_check_net() and of dnx_sampler_check(). */
dnx_status dnx_batches_check(const dnx_data *data, const dnx_net *net, dnx_err *err);
/* Starts `threads` reader threads, at most 16, which decode ahead. At most 4 sub-batches are in
 * memory, including the one that dnx_batches_next() has returned last. The first image is number
 * net->seen of the run. dnx_sampler_pick() chooses the images and dnx_augment_draw() their changes.
 * So the batches do not depend on the number or speed of the readers, or on where a run was
 * resumed. An image that cannot be decoded is replaced by another image. When no image can be read,
 * because a disk or folder is missing for a while, the readers wait. data and net must outlive the
 * batches. Errors: those of dnx_batches_check(); DNX_EMEM when memory runs out or no thread
 * starts. */
dnx_status dnx_batches_open(const dnx_data *data, const dnx_net *net, uint64_t seed, int threads,
                            dnx_batches **out, dnx_err *err);
void dnx_batches_close(dnx_batches *f); /* f may be NULL; waits until the readers have ended */

/* Sets the function that gets the messages of the readers. dnx_batches_next() calls note(arg, line)
 * in the thread of its caller. Messages: "NAME: skipped: WHY", once for each image; "NAME: cannot
 * be read: WHY; waiting for it"; "NAME: waited for no more; training continues". */
void dnx_batches_notes(dnx_batches *f, void (*note)(void *arg, const char *line), void *arg);
/* Stores the next sub-batch in *batch. Its arrays are valid until the next call. DNX_EIO when more
 * than 1 % of the list cannot be read or decoded (with the images that dnx_data_open() has
 * dropped), or no image could be read for ten minutes. DNX_ESTOP when a signal stopped the wait.
 * DNX_EMEM. */
dnx_status dnx_batches_next(dnx_batches *f, dnx_batch *batch, dnx_err *err);
/* Returns x of the sub-batch that dnx_batches_next() will return next, or NULL when its images are
 * not decoded yet or a reader has failed. x is valid as long as the sub-batch. */
const float *dnx_batches_ahead(dnx_batches *f);
#endif
