/* pixels.h - one image of the list as the network's floats. */
#ifndef DNX_PIXELS_H
#define DNX_PIXELS_H
#include "augment.h"
#include "data.h"
#include "jpeg.h"

typedef struct {
    dnx_decode *other; /* for what is no JPEG; that goes through libjpeg-turbo */
    void (*free_other)(unsigned char *);
} dnx_decoder;

/* The side lengths that the first bytes of a JPEG, PNG, BMP, GIF or PNM claim; false: they say
 * nothing. */
bool dnx_image_size(const unsigned char *bytes, size_t n, double *w, double *h);

/* Image i with a look, as H x W x C floats, (pixel - input_mean) * input_scale; C is 3 (RGB) or 1
 * (luma). scratch: 2 x H x W x 3 floats. NULL, or why it cannot be read or decoded; an image that
 * claims more than DNX_MAX_SIDE or DNX_MAX_PIXELS is not decoded. Thread safe. */
const char *dnx_image_load(const dnx_data *d, size_t i, const dnx_net *net, const dnx_look *look,
                           const dnx_decoder *decoder, float *scratch, float *out);

/* Image i as it is, or its mirror image. false: it cannot be read or decoded. Thread safe. */
bool dnx_data_image(const dnx_data *d, size_t i, const dnx_net *net, bool mirrored,
                    dnx_decode *other, void (*free_other)(unsigned char *), float *out);
#endif
