/* pixels.h - loads an image of dnx_data as floats for the network. */
#ifndef DNX_PIXELS_H
#define DNX_PIXELS_H
#include "data/augment.h"
#include "data/data.h"
#include "data/decode.h"

/* Stores a pixel as C floats, (value - mean) * scale; C is 3 (RGB) or 1 (luma). */
static inline void dnx_pixel(const float *rgb, int C, float mean, float scale, float *x) {
    if (C == 1) *x = (.299f * rgb[0] + .587f * rgb[1] + .114f * rgb[2] - mean) * scale;
    else
        for (int c = 0; c < 3; c++) x[c] = (rgb[c] - mean) * scale;
}

/* Loads image i, changed by `a`, into out: H x W x C floats, (pixel - input_mean) * input_scale; C
 * is 3 (RGB) or 1 (luma). scratch: 2 x H x W x 3 floats. Returns NULL, or the reason of a failure,
 * a constant. Thread safe. */
const char *dnx_image_load(const dnx_data *d, size_t i, const dnx_net *net,
                           const dnx_augmentation *a, float *scratch, float *out);

/* Loads image i into out without random changes, mirrored if asked. Returns false on failure. */
bool dnx_data_image(const dnx_data *d, size_t i, const dnx_net *net, bool mirrored, float *out);
#endif
