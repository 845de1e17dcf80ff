/* teachers.h - the teachers of a network, which predict on the batch of the student. A loss reads
 * the output of its teacher in pass->target. */
#ifndef DNX_TEACHERS_H
#define DNX_TEACHERS_H
#include "data/data.h"
#include "net/net.h"
#include "net/options.h"

typedef struct dnx_teachers dnx_teachers;

/* For dnx_build.teachers: opens the teachers that the options teacher= and weights= of losses name.
 * Loads the weights only if the student trains. */
extern const dnx_teacher_source dnx_cfg_teachers;
/* Sets the targets, which are the teachers' outputs that the losses of net imitate, for one pass
 * over x: net->batch images of net's input size. image[b]: the index of image b in the list of
 * images; mirrored[b]: 1 when image b is mirrored. Pass image = NULL when the images were
 * augmented, because the cache has no outputs for augmented images. */
void dnx_teachers_run(dnx_net *net, const float *x, const uint32_t *image,
                      const unsigned char *mirrored);

typedef struct {
    /* Reads image i in the student's size and normalisation. Returns false when that fails. */
    bool (*read)(void *arg, size_t i, bool mirrored, float *x);
    /* Called from time to time with the number of finished images. */
    void (*progress)(void *arg, size_t done, size_t all);
    /* Called with a line for the user. */
    void (*note)(void *arg, const char *text);
    void *arg;
} dnx_teachers_job;

/* Opens a cache file for each teacher's output that a loss imitates:
 * folder/NAME-LAYER-SUM.embeddings (data/cache.h). NAME is the teacher's weights file, LAYER the
 * layer of the output, SUM a checksum of the teacher up to this layer. When a cache is missing, one
 * process computes it and other processes wait. Errors: DNX_EPARSE when the cache is damaged;
 * DNX_EWEIGHTS when it was made for other images than `list` or for another input than net's;
 * DNX_ENUMBER when an output does not fit a 16-bit float; DNX_EIO, DNX_EMEM, DNX_ESTOP. */
dnx_status dnx_teachers_cache(dnx_net *net, const char *folder, const dnx_data *list,
                              const dnx_teachers_job *job, dnx_err *err);
#endif
