/* raster.h - paints ellipses with soft edges, and applies light, blur and film (tones and
 * noise). */
#ifndef DNX_RASTER_H
#define DNX_RASTER_H
#include <stdbool.h>
#include <stdint.h>

/* Planes of size x size floats, 0..1: red, green, blue, and how much the light changes a pixel. */
typedef struct {
    int size;
    float *plane[4];
} dnx_canvas;
#define DNX_CANVAS_FLOATS(size) (4 * (size_t)(size) * (size_t)(size) + 2 * (size_t)(size) + 64)

/* An ellipse: the frame maps (u, v) to pixel (cx, cy) + u (ux, uy) + v (vx, vy), and the unit disc
 * u^2 + v^2 < 1 to the ellipse. */
typedef struct {
    float cx, cy, ux, uy, vx, vy;
} dnx_frame;

/* How to paint the unit disc of a frame. All members except rgb and alpha may be 0. bend, taper and
 * square change the shape: first v -= bend u^2, then u *= 1 + taper v. Pixels with q < 1 are
 * painted, q = (1 - square) (u^2 + v^2) + square (u^4 + v^4). */
typedef struct {
    float rgb[3], alpha;
    float edge; /* width of the soft border, pixels; less than 1 counts as 1 */
    float bend, taper, square;
    float hole_u, hole_v; /* half axes of a hole in units of u and v; 0 without a hole */
    /* With is_cut, only the part with v < cut + cut_curve (u - cut_u)^2 is painted. Here v is the
     * coordinate of the frame, before bend changes it. */
    bool is_cut;
    float cut, cut_curve, cut_u;
    /* cut_edge: width of the soft border of the cut, pixels; cut_ragged: twice the depth of the
     * zigzag along the cut, in units of v */
    float cut_edge, cut_ragged;
    float grain, strands; /* brightness +- grain / 2 in `strands` stripes over u = -1..1 */
    bool takes_light;
} dnx_paint;

/* Makes a canvas of size x size pixels without setting them. scratch: DNX_CANVAS_FLOATS(size)
 * floats, which must outlive the canvas. */
void dnx_canvas_init(dnx_canvas *c, int size, float *scratch);
/* Fills the canvas with a linear gradient from colour a to colour b along the unit vector (dx, dy).
 * dnx_canvas_light() will not change these pixels. */
void dnx_canvas_fill(dnx_canvas *c, const float a[3], const float b[3], float dx, float dy);
/* Paints the ellipse of frame f, with the shape and colour of p. Parts outside the canvas are not
 * drawn. */
void dnx_canvas_paint(dnx_canvas *c, const dnx_frame *f, const dnx_paint *p);
/* Multiplies the pixels painted with takes_light by ambient + diffuse max(0, n . light). n is the
 * normal of the ellipsoid whose outline is the frame's ellipse; light is a unit vector towards the
 * light. */
void dnx_canvas_light(dnx_canvas *c, const dnx_frame *f, const float light[3], float ambient,
                      float diffuse);
/* Blurs by a Gaussian with this standard deviation in pixels, at most 3. Call it after
 * dnx_canvas_light(), whose plane it overwrites. */
void dnx_canvas_blur(dnx_canvas *c, float deviation);

typedef struct {
    float gain[3], lift, curve; /* v = gain v + lift; v += curve v (1 - v) */
    float saturation;           /* 1: unchanged; 0: grey */
    float noise;                /* standard deviation, for pixels of 0..1 */
    uint32_t seed;
} dnx_film;
/* Applies the film and writes rgb: size x size x 3 bytes. */
void dnx_canvas_develop(const dnx_canvas *c, const dnx_film *film, unsigned char *rgb);
#endif
