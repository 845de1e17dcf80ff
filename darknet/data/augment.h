/* augment.h - random changes of training images: those of libdarknet, and a few for faces. */
#ifndef DNX_AUGMENT_H
#define DNX_AUGMENT_H
#include "net/net.h"

/* What happens to one image. Lengths are pixels of the network's input. */
typedef struct {
    bool mirrored;
    bool is_altered;          /* something random besides the mirror image */
    bool is_centered;         /* the middle square, resized */
    bool is_cropped;          /* libdarknet's rotated crop: */
    int side;                 /* the image's shorter side is scaled to this */
    float angle, aspect;      /* radians; factor of the width */
    float dx, dy;             /* -1..1: position of the crop within the image */
    int shift_x, shift_y;
    float hue, saturation, exposure; /* added; factors */
    bool is_gray;
    float shrink;             /* side of the small copy, share of the input's; 1: none */
    float erase_x, erase_y, erase_w, erase_h; /* rectangle, shares; w 0: none */
} dnx_augmentation;

/* DNX_EOPTION: options of [net] that exclude each other. */
dnx_status dnx_augment_check(const dnx_net *net, dnx_err *err);
/* True when [net] alters (see is_altered) almost every image. */
bool dnx_augment_always(const dnx_net *net);
/* Draws the changes of image `number` of a run. They depend only on (seed, number), and no option
 * changes the random numbers of another one. */
void dnx_augment_draw(const dnx_net *net, uint64_t seed, uint64_t number, dnx_augmentation *a);

/* Applies the geometry to an image of h x w x 3 bytes: H x W x 3 floats, 0..255. */
void dnx_augment_place(const dnx_augmentation *a, const unsigned char *rgb, int w, int h, int W,
                       int H, float *out);
/* Applies colours, softness and the erased rectangle in place. scratch: H x W x 3 floats. */
void dnx_augment_paint(const dnx_augmentation *a, int W, int H, float *rgb, float *scratch);
#endif
