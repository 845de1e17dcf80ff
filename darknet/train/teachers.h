/* teachers.h - the teachers of a network's losses of distillation. A teacher is a network of its
 * own that only predicts, on the student's very batch; a loss sees nothing of it but
 * pass->target. */
#ifndef DNX_TARGETS_H
#define DNX_TARGETS_H
#include "data/data.h"
#include "net/net.h"
#include "net/options.h"

typedef struct dnx_teachers dnx_teachers;

/* For dnx_build.teachers: opens the teacher that teacher= and weights= of a loss name, once for all
 * losses that name the same files; its weights only when net trains. DNX_EOPTION: no teacher=, no
 * weights=, a layer that does not fit; and the errors of building and loading. */
extern const dnx_teacher_source dnx_cfg_teachers;
/* Teacher i of net and the file of its weights; NULL: it has fewer. */
const dnx_net *dnx_teachers_get(const dnx_net *net, int i, const char **weights);

/* Gives the losses of net their targets for one sub-batch x of net->batch images: from the cache
 * when there is one and `image` says which they are, else by running the teachers. image, mirrored:
 * of each image its place in the list and whether it is mirrored; NULL: the pixels are altered. */
void dnx_teachers_run(dnx_net *net, const float *x, const uint32_t *image,
                     const unsigned char *mirrored);

/* How a cache is made. */
typedef struct {
    /* Reads image i as the student sees it; false: it cannot be read. */
    bool (*read)(void *arg, size_t i, bool mirrored, float *x);
    /* Called now and then: images done of all. May be NULL, and so may note. */
    void (*progress)(void *arg, size_t done, size_t all);
    /* What the user should know: that the process waits for another. */
    void (*note)(void *arg, const char *text);
    void *arg;
} dnx_teachers_job;

/* Opens folder/NAME-LAYER-SUM.embeddings of every teacher's output (data/cache.h; SUM is of the
 * teacher), or computes it: for all images of the list and their mirror images. One process
 * computes, others wait for it; what is interrupted goes on at the next call. DNX_EIO;
 * DNX_EPARSE: damaged; DNX_EWEIGHTS: of other images or of another input; DNX_ENUMBER: a teacher
 * gives NaN, infinity or what 16 bits do not hold; DNX_ESTOP. */
dnx_status dnx_teachers_cache(dnx_net *net, const char *folder, const dnx_data *list,
                              const dnx_teachers_job *job, dnx_err *err);
#endif
