/* batches.h - batches of images, decoded ahead of training, in the order of data/sampler.h. */
#ifndef DNX_BATCHES_H
#define DNX_BATCHES_H
#include "data/pixels.h"

typedef struct dnx_batches dnx_batches;

/* A sub-batch: the B = net->batch images of one forward pass. */
typedef struct {
    const float *x;                /* B x H x W x C, decoded, augmented and normalised */
    const float *truth;            /* B classes, -1 when unknown */
    const uint32_t *image;         /* B indices of the images in dnx_data */
    const unsigned char *mirrored; /* B flags: 1 when the image is mirrored */
    bool altered;                  /* an image of the sub-batch has dnx_augmentation.is_altered */
} dnx_batch;

/* Checks [net] before the data is read. Errors: DNX_ESHAPE when the input has neither 1 nor 3
 * channels; DNX_EOPTION when an option of sampling or augmentation is wrong. */
dnx_status dnx_batches_check_net(const dnx_net *net, dnx_err *err);
/* Like dnx_batches_check_net(), but also checks the data. Errors: DNX_EOPTION, DNX_EMEM. */
dnx_status dnx_batches_check(const dnx_data *data, const dnx_net *net, dnx_err *err);
/* Starts `threads` reader threads, at most 16, which decode ahead. The first image is number
 * net->seen of the run. An image that cannot be decoded is replaced by another image. data and net
 * must outlive the batches. Errors: those of dnx_batches_check(), and DNX_EMEM. */
dnx_status dnx_batches_open(const dnx_data *data, const dnx_net *net, uint64_t seed, int threads,
                            dnx_batches **out, dnx_err *err);
void dnx_batches_close(dnx_batches *f); /* f may be NULL */

/* Sets the function for messages about unreadable images. dnx_batches_next() calls it. */
void dnx_batches_notes(dnx_batches *f, void (*note)(void *arg, const char *line), void *arg);
/* Stores the next sub-batch in *batch. Its arrays are valid until the next call. Errors: DNX_EIO
 * when more than 1 % of the images are broken, or no image could be read for ten minutes; DNX_ESTOP
 * after a signal; DNX_EMEM. */
dnx_status dnx_batches_next(dnx_batches *f, dnx_batch *batch, dnx_err *err);
/* Returns x of the sub-batch that the next dnx_batches_next() will store, so that a device can copy
 * it early. Returns NULL when that sub-batch is not ready. */
const float *dnx_batches_ahead(dnx_batches *f);
#endif
