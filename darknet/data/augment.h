/* augment.h - augmentation: random changes of training images, as in libdarknet and for faces. */
#ifndef DNX_AUGMENT_H
#define DNX_AUGMENT_H
#include "net/net.h"

/* The changes of one image. Lengths are in pixels of the network's input. */
typedef struct {
    bool mirrored;
    bool is_altered;     /* any random change other than mirroring applies */
    bool is_centered;    /* only the middle square of the image is used */
    bool is_cropped;     /* crops as libdarknet does, by side, angle, aspect, dx and dy */
    int side;            /* a w x h image is scaled by side / min(h, floor(w aspect)) */
    float angle, aspect; /* rotation in radians; the width is divided by aspect */
    float dx, dy;        /* position of the crop: -1 left or top, 0 centre, 1 right or bottom */
    int shift_x, shift_y;
    float hue, saturation, exposure; /* hue is added (1: full circle), the others are factors */
    bool is_gray;
    float shrink; /* lowres: scale of the image before it is enlarged again; 1: unchanged */
    float erase_x, erase_y, erase_w, erase_h; /* hole, in shares of the input; erase_w = 0: none */
} dnx_augmentation;

/* Checks the options of [net]. DNX_EOPTION when center=1 is given with an option of the crop, the
 * range of the crop's side is empty or begins below 1, or hue, saturation or gray is given without
 * channels=3. */
dnx_status dnx_augment_check(const dnx_net *net, dnx_err *err);
/* Returns an option of [net] that alters (is_altered) almost every image, or NULL. */
const char *dnx_augment_always(const dnx_net *net);
/* Draws the changes of image `number` of a run, by the options of [net]. The random numbers depend
 * only on (seed, number): setting one option does not change the numbers of the other options. */
void dnx_augment_draw(const dnx_net *net, uint64_t seed, uint64_t number, dnx_augmentation *a);

/* Crops or resizes, shifts and mirrors rgb, h x w x 3 bytes. out: H x W x 3 floats, 0..255. */
void dnx_augment_place(const dnx_augmentation *a, const unsigned char *rgb, int w, int h, int W,
                       int H, float *out);
/* Changes colours, blurs (lowres) and erases in place. rgb, scratch: H x W x 3 floats. */
void dnx_augment_paint(const dnx_augmentation *a, int W, int H, float *rgb, float *scratch);
#endif
