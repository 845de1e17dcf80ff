/* augment.h - random changes of training images. */
#ifndef DNX_AUGMENT_H
#define DNX_AUGMENT_H
#include "net/net.h"

/* The changes of one image. Lengths are in pixels of the network's input. */
typedef struct {
    bool mirrored;
    bool is_altered;     /* the image has a random change other than mirroring */
    bool is_centered;    /* only the middle square of the image is used */
    bool is_cropped;     /* libdarknet's random crop is applied (augment.c) */
    int side;            /* pixels: a w x h image is scaled by side / min(h, floor(w * aspect)); 0:
                          * it is scaled until it just fills the input */
    float angle, aspect; /* rotation in radians; the width is divided by aspect */
    float dx, dy;        /* position of the crop: -1 left or top, 0 centre, 1 right or bottom */
    int shift_x, shift_y;
    float hue, saturation, exposure; /* hue is added (1: full circle), the others are factors */
    bool is_gray;
    float
        shrink; /* lowres: factor that scales the image down, before it is enlarged; 1: unchanged */
    float erase_x, erase_y, erase_w, erase_h; /* the erased rectangle, as shares of the input's
                                               * width and height; none when erase_w is 0 */
} dnx_augmentation;

/* Returns DNX_EOPTION when an option of [net] for augmentation is wrong. */
dnx_status dnx_augment_check(const dnx_net *net, dnx_err *err);
/* Returns the name of an option of [net] that sets is_altered for almost every image, so that a
 * cache of outputs cannot be used. Returns NULL without such an option. */
const char *dnx_augment_always(const dnx_net *net);
/* Draws the changes of one image. number: position of the image in the run, from 0. Setting one
 * option of [net] does not change the random numbers of the other options. */
void dnx_augment_draw(const dnx_net *net, uint64_t seed, uint64_t number, dnx_augmentation *a);

/* Crops or resizes, shifts and mirrors rgb, h x w x 3 bytes. out: H x W x 3 floats, 0..255. */
void dnx_augment_place(const dnx_augmentation *a, const unsigned char *rgb, int w, int h, int W,
                       int H, float *out);
/* Changes colours, blurs (lowres) and erases in place. rgb, scratch: H x W x 3 floats. */
void dnx_augment_paint(const dnx_augmentation *a, int W, int H, float *rgb, float *scratch);
#endif
