/* augment.h - random changes of training images: those of libdarknet, and some for faces. */
#ifndef DNX_AUGMENT_H
#define DNX_AUGMENT_H
#include "net/net.h"

/* The changes of one image. Lengths are pixels of the network's input. */
typedef struct {
    bool mirrored;
    bool is_altered;     /* the image is changed, not only mirrored */
    bool is_centered;    /* takes the middle square of the image and resizes it */
    bool is_cropped;     /* crops as libdarknet does, with the next five: */
    int side;            /* the shorter side of the image is scaled to this */
    float angle, aspect; /* rotation in radians; factor of the width */
    float dx, dy;        /* position of the crop within the image, -1..1 */
    int shift_x, shift_y;
    float hue, saturation, exposure; /* hue is added, the others are factors */
    bool is_gray;
    float shrink; /* side of the small copy, as a share of the input's; 1: no copy */
    float erase_x, erase_y, erase_w, erase_h; /* shares of the input; w = 0: no rectangle */
} dnx_augmentation;

/* DNX_EOPTION when two options of [net] exclude each other. */
dnx_status dnx_augment_check(const dnx_net *net, dnx_err *err);
/* The option of [net] that alters (see is_altered) almost every image, or NULL. */
const char *dnx_augment_always(const dnx_net *net);
/* Draws the changes of image `number` of a run. They depend only on (seed, number). An option does
 * not change the random numbers of the other options. */
void dnx_augment_draw(const dnx_net *net, uint64_t seed, uint64_t number, dnx_augmentation *a);

/* Applies the geometry of `a` to an image of h x w x 3 bytes. out: H x W x 3 floats, 0..255. */
void dnx_augment_place(const dnx_augmentation *a, const unsigned char *rgb, int w, int h, int W,
                       int H, float *out);
/* Applies colours, lowres and the erased rectangle in place. scratch: H x W x 3 floats. */
void dnx_augment_paint(const dnx_augmentation *a, int W, int H, float *rgb, float *scratch);
#endif
