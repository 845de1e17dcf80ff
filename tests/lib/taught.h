/* taught.h - three teachers and a student, for tests of distillation. Cfg files are in cfg/,
 * weights beside cfg/. */
#ifndef TAUGHT_H
#define TAUGHT_H
#include <sys/stat.h>

#include "lib/check.h"
#include "train/teachers.h"
#include "net/weights.h"

#define B 4
#define INPUT "channels=3\ninput_mean=127.5\ninput_scale=.0078125\n"
#define BN "batch_normalize=1\nactivation="

/* The layers of the teachers `same` and `other`. Layer 6 computes the feature, of length 10. These
 * teachers have 9 classes, the student 3. */
#define TEACHER                                                                                    \
    "[convolutional]\nfilters=8\nsize=3\nstride=2\npad=1\n" BN "prelu\n"                           \
    "[convolutional]\nfilters=12\n" BN "prelu\n"                                                   \
    "[convolutional]\nfilters=8\n" BN "linear\n"                                                   \
    "[shortcut]\nfrom=-3\nactivation=linear\n"                                                     \
    "[convolutional]\nfilters=6\n" BN "linear\n"                                                   \
    "[global_depthwise]\nbatch_normalize=1\n"                                                      \
    "[convolutional]\nfilters=10\n" BN "linear\n"                                                  \
    "[margin_softmax]\nclasses=9\n"
static const char same[] = "[net]\nheight=12\nwidth=12\n" INPUT TEACHER;
static const char other[] =
    "[net]\nheight=20\nwidth=16\nchannels=3\ninput_mean=100\ninput_scale=.0039\nseed=2\n" TEACHER;
static const char large[] = "[net]\nheight=160\nwidth=150\nchannels=3\n"
                            "[convolutional]\nfilters=8\nsize=8\nstride=16\n" BN
                            "relu\n[avgpool]\n";

/* The student's outputs, H x W x C: layer 0: 6x6x8, layer 1: 6x6x6, layer 2: 1x1x6, layer 3:
 * 1x1x10. */
#define STUDENT                                                                                    \
    "[net]\nbatch=4\nheight=12\nwidth=12\nseed=3\n" INPUT                                          \
    "[convolutional]\nfilters=8\nsize=3\nstride=2\npad=1\n" BN "prelu\n"                           \
    "[convolutional]\nfilters=6\n" BN "linear\n"                                                   \
    "[global_depthwise]\nbatch_normalize=1\n"                                                      \
    "[convolutional]\nfilters=10\n" BN "linear\n"
#define HEAD "[margin_softmax]\nclasses=3\nmargin=am\ns=8\n"
#define SAME "teacher=same.cfg\nweights=../same.weights\n"
#define OTHER "teacher=other.cfg\nweights=../other.weights\n"

static inline dnx_net *build(const char *text, const char *name, bool trains, dnx_err *err) {
    return try_net(text, path(name), trains, trains ? 0 : B, 2, err);
}

static inline dnx_net *must_build(const char *text, const char *name, bool trains) {
    return make_net(text, path(name), trains, trains ? 0 : B, 2);
}

/* Writes the cfg `text` as cfg/NAME.cfg, and NAME.weights with random weights. Returns the network,
 * which the caller frees. */
static inline dnx_net *make_teacher(const char *name, const char *text, uint64_t seed) {
    char file[80];
    snprintf(file, sizeof file, "cfg/%s.cfg", name);
    write_text(path(file), text);
    dnx_net *net = must_build(text, file, false);
    scatter(net, seed, .5f);
    snprintf(file, sizeof file, "%s.weights", name);
    check(!dnx_weights_save(net, path(file), NULL), "cannot save %s", file);
    return net;
}
#endif
