/* synth_scene.h - maps places on the head to the image, and paints there. Units: see synth.h. */
#ifndef DNX_SYNTH_SCENE_H
#define DNX_SYNTH_SCENE_H
#include "synth/raster.h"
#include "synth/synth.h"

typedef struct {
    float x, y, z;
} dnx_point;

typedef struct {
    const dnx_synth_face *f;
    const dnx_shot *s;
    dnx_canvas c;
    float turn[3][3]; /* rotation */
    /* the alignment after rotation and perspective: x' = a x - b y + tx, y' = b x + a y + ty */
    float a, b, tx, ty;
    float unit; /* pixels for each unit of synth.h, approximately */
} dnx_scene;

/* Makes a canvas of size x size pixels, and turns and aligns the head. scratch:
 * DNX_CANVAS_FLOATS(size) floats, which must outlive the scene. */
void dnx_scene_init(dnx_scene *s, const dnx_synth_face *f, const dnx_shot *shot, int size,
                    float *scratch);

/* Returns the place in the image, x and y in pixels, of the point (x, y) of the skin, raised by
 * `lift` units. z of the result is the depth. */
dnx_point dnx_at(const dnx_scene *s, float x, float y, float lift);
/* Sets *f to the frame of an elliptic patch of skin around (x, y) with half axes w, h, turned by
 * `angle` radians. Returns false when the patch faces away from the camera. */
bool dnx_patch(const dnx_scene *s, float x, float y, float lift, float w, float h, float angle,
               dnx_frame *f);
/* Returns the outline, in the image, of an ellipsoid around (x, y, z) with half axes w, h, d. */
dnx_frame dnx_ellipsoid(const dnx_scene *s, float x, float y, float z, float w, float h, float d);
/* Returns the frame of a stroke from pixel p to pixel q. w: half the width of the stroke, in units
 * of synth.h. */
dnx_frame dnx_stroke(const dnx_scene *s, dnx_point p, dnx_point q, float w);

/* Computes the coordinates (u, v) of pixel p in the frame f. */
void dnx_within(const dnx_frame *f, dnx_point p, float *u, float *v);

/* Returns paint that takes light. Its colour is rgb times factor. edge: width of the soft border,
 * in units of synth.h. */
dnx_paint dnx_colour(const float *rgb, float factor, float alpha, float edge);
/* Paints the ellipse of a frame. The widths in p are in units of synth.h. */
void dnx_put(dnx_scene *s, const dnx_frame *f, dnx_paint p);
/* Paints the patch of dnx_patch() with angle 0, if it faces the camera. */
void dnx_spot(dnx_scene *s, float x, float y, float lift, float w, float h, dnx_paint p);

/* Paints eyes, brows, nose, mouth, beard, wrinkles and marks (synth_features.c). */
void dnx_features(dnx_scene *s);
#endif
