/* synth_scene.h - what the files that paint synthetic faces share: from places on the head to
 * places in the image, and paint there. Units and axes: synth.h. */
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
    float turn[3][3];   /* rotation */
    float a, b, tx, ty; /* then x' = a x - b y + tx, y' = b x + a y + ty */
    float unit;         /* pixels a unit, about */
} dnx_scene;

/* scratch: DNX_CANVAS_FLOATS(size). */
void dnx_scene_init(dnx_scene *s, const dnx_synth_face *f, const dnx_shot *shot, int size,
                    float *scratch);

/* Where (x, y) on the skin, lifted by `lift`, is in the image. */
dnx_point dnx_at(const dnx_scene *s, float x, float y, float lift);
/* A patch of skin with half axes w, h, turned by `angle`; false: it looks away from the camera. */
bool dnx_patch(const dnx_scene *s, float x, float y, float lift, float w, float h, float angle,
               dnx_frame *f);
/* The outline of an ellipsoid around (x, y, z) with half axes w, h, d. */
dnx_frame dnx_ellipsoid(const dnx_scene *s, float x, float y, float z, float w, float h, float d);
/* A stroke from p to q, of half width w. */
dnx_frame dnx_stroke(const dnx_scene *s, dnx_point p, dnx_point q, float w);

/* rgb times factor, with that alpha and soft edge in units; it takes light. */
dnx_paint dnx_colour(const float *rgb, float factor, float alpha, float edge);
/* Paints; the paint's widths are in units. */
void dnx_put(dnx_scene *s, const dnx_frame *f, dnx_paint p);
/* A patch of that paint, not turned. */
void dnx_spot(dnx_scene *s, float x, float y, float lift, float w, float h, dnx_paint p);

/* Eyes, brows, nose, mouth, beard, wrinkles, marks (synth_features.c). */
void dnx_features(dnx_scene *s);
#endif
