/* matching.h - what `compare` and `find` share: arguments, network, detector and threshold. */
#ifndef DNX_CMD_MATCHING_H
#define DNX_CMD_MATCHING_H
#include "cmd/args.h"
#include "face/portrait.h"
#include "face/threshold.h"

typedef struct {
    const char *cfg, *weights, *threshold, *mtcnn;
    int least, threads;
    bool aligned, json;
} dnx_matching_args;

/* The options that both verbs share, as rows of a verb's table (args.h). s: the type of the verb's
 * arguments, a struct with a member `dnx_matching_args m`. */
#define DNX_ARGS_MATCHING(s)                                                                       \
    DNX_ARG_TEXT(s, m.threshold, "-threshold", "FILE",                                             \
                 "threshold.json of eval_lfw.py or eval_identification.py, or a cosine"),          \
        DNX_ARG_FLAG(s, m.aligned, "-aligned", "the photographs are crops already"),               \
        DNX_ARG_INT(s, m.least, "-min-face", "N", 40, 12, 16384,                                   \
                    "the smallest face to find, pixels"),                                          \
        DNX_ARG_TEXT(s, m.mtcnn, "-mtcnn", "FOLDER",                                               \
                     "the face detector; default: where `make faces-deps` puts it"),               \
        DNX_ARG_FLAG(s, m.json, "-json", "print JSON, for scripts"),                               \
        DNX_ARG_INT(s, m.threads, "-threads", "N", 0, 1, 64, "threads; default one for each core")

typedef struct {
    dnx_matcher m;
    dnx_threshold threshold;
    uint64_t network; /* fingerprint of m.net */
} dnx_matching;

/* Opens network, threshold and, without -aligned, the detector. Call dnx_matching_close() also
 * after an error. */
dnx_status dnx_matching_open(const dnx_matching_args *a, dnx_matching *t, dnx_err *err);
void dnx_matching_close(dnx_matching *t);
/* Reads a photograph as dnx_portrait_read() does. Also returns DNX_EIO when it has no face. */
dnx_status dnx_matching_read(const dnx_matching *t, const char *path, dnx_portrait *p,
                             dnx_err *err);
/* Prints the threshold and, if known, its false-match rate; or that no threshold is known. */
void dnx_matching_print(const dnx_matching *t);
/* dnx_matching_json_box() prints [x1, y1, x2, y2] in pixels, or null for a crop.
 * dnx_matching_json_end() closes the JSON list, prints the threshold and its false-match rate, and
 * closes the JSON object. */
void dnx_matching_json_box(const dnx_matching *t, const dnx_found *face);
void dnx_matching_json_end(const dnx_matching *t);
#endif
