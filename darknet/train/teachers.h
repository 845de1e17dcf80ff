/* teachers.h - the teachers of a network's losses of distillation. A teacher is a network that only
 * predicts, on the same batch as the student. A loss reads the teacher's output in pass->target. */
#ifndef DNX_TARGETS_H
#define DNX_TARGETS_H
#include "data/data.h"
#include "net/net.h"
#include "net/options.h"

typedef struct dnx_teachers dnx_teachers;

/* A value of dnx_build.teachers. Opens the teacher that teacher= and weights= of a loss name, once
 * for all losses that name the same files. Loads the weights only if the student trains. Returns
 * DNX_EOPTION when teacher= is missing, when a student that trains lacks weights=, or when a layer
 * is unsuitable. Returns DNX_ESHAPE when the teacher's input has another number of channels. Also
 * returns the errors of building and loading. */
extern const dnx_teacher_source dnx_cfg_teachers;
/* Sets the targets of the losses of net for one sub-batch x: net->batch images of net's input size.
 * image[b] is the index of image b in the list of images; mirrored[b] is 1 when image b is
 * mirrored. The targets are read from the cache. A teacher runs when it has no cache, or when the
 * cache lacks one of the images. Pass image = NULL when the images were augmented, so that the
 * cache does not apply. */
void dnx_teachers_run(dnx_net *net, const float *x, const uint32_t *image,
                      const unsigned char *mirrored);

/* Options of dnx_teachers_cache(). */
typedef struct {
    /* Reads image i in the student's size and normalisation. Returns false when that fails. */
    bool (*read)(void *arg, size_t i, bool mirrored, float *x);
    /* Called from time to time with the number of finished images. May be NULL, like note. */
    void (*progress)(void *arg, size_t done, size_t all);
    /* Called with a line for the user, when this process waits for another process. */
    void (*note)(void *arg, const char *text);
    void *arg;
} dnx_teachers_job;

/* Opens the cache of each teacher's output that a loss imitates: folder/NAME-LAYER-SUM.embeddings
 * (data/cache.h). NAME is the teacher's weights file, LAYER the layer of the output, SUM a checksum
 * of the teacher up to this layer. A missing cache is computed for all images of the list and their
 * mirror images. One process computes the cache, and other processes wait; the next call continues
 * an interrupted computation. Errors: DNX_EPARSE when the cache is damaged; DNX_EWEIGHTS when it
 * was made from other images or another input; DNX_ENUMBER when a teacher gives NaN, infinity or a
 * number too large for 16 bits; DNX_EIO, DNX_EMEM, DNX_ESTOP. */
dnx_status dnx_teachers_cache(dnx_net *net, const char *folder, const dnx_data *list,
                              const dnx_teachers_job *job, dnx_err *err);
#endif
