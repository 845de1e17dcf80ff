/* teachers_parts.h - the structs behind teachers.h, for teachers.c, teachers_cache.c and
 * inputs.c. */
#ifndef DNX_TEACHERS_PARTS_H
#define DNX_TEACHERS_PARTS_H
#include "data/cache.h"
#include "train/teachers.h"

typedef struct {
    char *cfg, *weights;
    dnx_net *net;
    bool is_loaded;
} dnx_teacher;

/* An output of a teacher that one or more losses imitate. */
typedef struct {
    int teacher, layer;
    size_t size;  /* floats of the output for one image */
    bool flips;   /* `out` adds the outputs for an image and for its mirror image */
    float *out;   /* net->batch x size, where net is the student */
    float *other; /* outputs for the mirror images, net->batch x size; NULL without flips */
    bool is_cached;
    dnx_cache cache; /* image i of the list is row 2i, its mirror image row 2i + 1 */
} dnx_teacher_output;

struct dnx_teachers {
    dnx_teacher *teachers;
    dnx_teacher_output *outputs;
    dnx_tap *taps; /* scratch of dnx_teachers_run_one(): a tap for each element of `outputs` */
    int n_teachers, n_outputs;
    float *x; /* scratch: a batch of images in a teacher's input size and normalisation */
    size_t x_floats;
    float *mirrored; /* a batch of mirror images, in the student's size; NULL without flips */
};

/* Runs teacher number `which` of the student `net` on x: `count` images of the student's input
 * size. Stores each output that a loss imitates in dnx_teacher_output.out. When x is mirrored,
 * stores only the outputs with `flips`, in dnx_teacher_output.other. */
void dnx_teachers_run_one(dnx_net *net, int which, const float *x, int count, bool is_mirrored);
/* Fills w->out, for `count` images, from the cache. Returns false when the cache lacks an output.
 * Then the teacher must run. */
bool dnx_teachers_from_cache(const dnx_teacher_output *w, const uint32_t *image,
                             const unsigned char *mirrored, int count);
#endif
