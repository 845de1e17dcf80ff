/* batches.h - batches of images, decoded ahead of training. */
#ifndef DNX_BATCHES_H
#define DNX_BATCHES_H
#include "data/pixels.h"

typedef struct dnx_batches dnx_batches;

/* A sub-batch: B = net->batch images, which is batch= / subdivisions= of [net]. An update of the
 * weights uses all sub-batches of a batch. */
typedef struct {
    const float *x;                /* B x H x W x C, decoded, augmented and normalised */
    const float *truth;            /* B classes, -1 when unknown */
    const uint32_t *image;         /* B indices into the list */
    const unsigned char *mirrored; /* B flags: 1 when the image is mirrored */
    bool altered; /* an image was augmented randomly, so cached teacher outputs do not apply */
} dnx_batch;

/* Checks the network, before its data is known. DNX_ESHAPE when its input has neither 1 nor 3
 * channels. DNX_EOPTION when options of sampling or augmentation contradict each other. */
dnx_status dnx_batches_check_net(const dnx_net *net, dnx_err *err);
/* Checks the network and the data, before a run creates files. Returns the errors of
 * dnx_batches_check_net() and of dnx_sampler_check(). */
dnx_status dnx_batches_check(const dnx_data *data, const dnx_net *net, dnx_err *err);
/* Starts `threads` readers, which decode up to 4 sub-batches of net->batch images ahead. For image
 * p of the run, where p counts from net->seen, dnx_sampler_pick() chooses the image and
 * dnx_augment_draw() its changes. The result does not depend on the number or speed of the readers,
 * or on where a run was resumed.
 *
 * An image that passed the scan but cannot be decoded is replaced by another one. When no image can
 * be read, because a disk or folder is missing for a while, the readers wait. data and net must
 * outlive the batches. Errors: those of dnx_batches_check(), and DNX_EMEM. */
dnx_status dnx_batches_open(const dnx_data *data, const dnx_net *net, uint64_t seed, int threads,
                            dnx_batches **out, dnx_err *err);
void dnx_batches_close(dnx_batches *f); /* f may be NULL; waits for the readers */

/* After this call, dnx_batches_next() passes the messages of the readers to note(arg, line), in the
 * thread of its caller: "NAME: skipped: WHY", once for each image, and "NAME: cannot be read: WHY;
 * waiting for it". */
void dnx_batches_notes(dnx_batches *f, void (*note)(void *arg, const char *line), void *arg);
/* Returns the next sub-batch, which is valid until the next call. DNX_EIO when more than 1 % of the
 * list cannot be decoded, or no image could be read for ten minutes. DNX_ESTOP when a signal
 * stopped the wait. */
dnx_status dnx_batches_next(dnx_batches *f, dnx_batch *batch, dnx_err *err);
/* Returns the images of the sub-batch that dnx_batches_next() will return next, or NULL when they
 * are not decoded yet. They are valid as long as that sub-batch. */
const float *dnx_batches_ahead(dnx_batches *f);
#endif
