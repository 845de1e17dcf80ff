/* pixels.c - turns an image into the network's floats. */
#include "data/pixels.h"

#include <stdlib.h>

const char *dnx_image_load(const dnx_data *d, size_t i, const dnx_net *net,
                           const dnx_augmentation *a, float *scratch, float *out) {
    const size_t pixels = (size_t)net->in.w * (size_t)net->in.h;
    const float mean = net->o.input_mean, scale = net->o.input_scale;
    const int C = net->in.c;
    size_t len = 0;
    dnx_image image;
    const char *why = NULL;
    unsigned char *bytes = dnx_data_bytes(d, i, &len, &why);
    if (!bytes) return why;
    dnx_image_fault fault = dnx_image_decode(bytes, len, &image);
    free(bytes);
    if (fault) return image.why;
    dnx_augment_place(a, image.rgb, image.w, image.h, net->in.w, net->in.h, scratch);
    dnx_image_free(&image);
    dnx_augment_paint(a, net->in.w, net->in.h, scratch, scratch + pixels * 3);
    for (size_t k = 0; k < pixels; k++)
        dnx_pixel(scratch + 3 * k, C, mean, scale, out + (size_t)C * k);
    return NULL;
}

bool dnx_data_image(const dnx_data *d, size_t i, const dnx_net *net, bool mirrored, float *out) {
    const dnx_augmentation a = {.mirrored = mirrored,
                                .is_centered = net->o.center,
                                .saturation = 1,
                                .exposure = 1,
                                .shrink = 1};
    float *scratch = dnx_alloc((size_t)net->in.w * (size_t)net->in.h * 3 * 2);
    bool ok = scratch && !dnx_image_load(d, i, net, &a, scratch, out);
    dnx_free(scratch);
    return ok;
}
