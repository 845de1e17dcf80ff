/* synth.h - synthetic faces: an identity is a set of numbers, an image is a shot of an identity.
 * The same arguments give the same pixels.
 *
 * Units: pixels of a 112 x 112 crop. The origin is between the eyes, x to the right, y down, z
 * towards the camera. Colours are RGB, 0..1. */
#ifndef DNX_SYNTH_H
#define DNX_SYNTH_H
#include "dnx.h"

#define DNX_SYNTH_VERSION 1 /* raise the version when the same numbers give other pixels */

/* The numbers of an identity; the table in synth.c has mean and deviation of each. */
// clang-format off
enum {
    HEAD_W, HEAD_H, JAW_W, JAW_Y, CHIN_W, CHIN_Y, CHEEK, EAR, EAR_OUT,
    EYE_X, EYE_W, EYE_H, EYE_SLANT, EYE_BEND, EYE_DEPTH, IRIS, LID,
    BROW_Y, BROW_X, BROW_W, BROW_H, BROW_SLANT, BROW_BEND, BROW_TAPER, BROW_DARK,
    NOSE_LEN, NOSE_W, NOSE_TIP, NOSE_OUT, BRIDGE_W, NOSTRIL,
    MOUTH_Y, MOUTH_W, LIP_UP, LIP_LOW, LIP_BEND, LIP_RED, PHILTRUM,
    HAIRLINE, HAIR_CURVE, HAIR_PART, HAIR_H, HAIR_W, AGE, DNX_TRAITS
};
// clang-format on

enum { DNX_BALD, DNX_SHORT, DNX_SIDE, DNX_FRINGE, DNX_LONG, DNX_CURLY, DNX_HAIRS };
enum { DNX_SHAVEN, DNX_STUBBLE, DNX_MOUSTACHE, DNX_GOATEE, DNX_FULL, DNX_BEARDS };

#define DNX_MOLES 3
#define DNX_FRECKLES 24

typedef struct {
    float t[DNX_TRAITS];
    float skin[3], hair[3], iris[3], lips[3];
    int style, beard, moles, freckles; /* freckles: the number of all marks, moles included */
    float mark[DNX_FRECKLES][3];       /* x, y, radius of the moles, then of the freckles */
    bool has_glasses;
    float rim[3], rim_w, lens_w, lens_h, lens_square; /* the glasses */
} dnx_synth_face;

/* The numbers that differ from image to image of one identity. */
typedef struct {
    /* yaw, pitch and tilt are angles in radians; tilt, grow, dx and dy misalign the crop */
    float yaw, pitch, tilt, grow, dx, dy;
    float smile, open, raise, lids, gaze_x, gaze_y;
    /* shadow > 0 darkens the right half of the face, shadow < 0 the left half */
    float light[3], ambient, diffuse, shadow;
    float back[4][3], back_angle, cloth[3];
    float hair_more, beard_more, flush;
    bool wears_glasses, has_make_up;
    int cover; /* what is in front of the face: DNX_NOTHING to DNX_SCARF */
    float cover_at[4], cover_rgb[3];
    float blur, noise, gain[3], lift, curve, saturation;
    uint32_t seed;
} dnx_shot;

enum { DNX_NOTHING, DNX_SHADES, DNX_HAND, DNX_BAR, DNX_CAP, DNX_SCARF, DNX_COVERS };

/* Paints the shot s of the face f into rgb: size x size x 3 bytes. scratch: DNX_CANVAS_FLOATS(size)
 * floats. */
void dnx_synth_draw(const dnx_synth_face *f, const dnx_shot *s, int size, float *scratch,
                    unsigned char *rgb);

/* Draws the numbers of an identity and of its shot `image` from the seed, and paints this shot as
 * dnx_synth_draw(). Identities and images are counted from 0; `image` must be below 2^24. The same
 * identity number is one person in the training set and another in the test set. */
void dnx_synth_image(uint64_t seed, bool is_test, int identity, int image, int size, float *scratch,
                     unsigned char *rgb);
#endif
