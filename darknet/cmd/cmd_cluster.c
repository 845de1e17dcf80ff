/* darknet cluster: groups the faces of an unsorted folder into people, by scripts/cluster_faces.py,
 * because a Python library (scikit-learn) does the clustering. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"

typedef struct {
    const char *cfg, *weights, *photos, *out, *threshold, *mtcnn;
    int least, min_face;
    bool aligned, force;
} cluster_args;

static const dnx_arg table[] = {
    DNX_PLACE_NET(cluster_args, cfg, weights),
    DNX_PLACE(cluster_args, photos, "photos", "a folder of photographs"),
    DNX_PLACE(cluster_args, out, "out", "the folder for people, contact sheets and people.csv"),
    DNX_ARG_TEXT(cluster_args, threshold, "-threshold", "FILE",
                 "a cosine, or threshold.json; default 0.35. Higher: more and purer groups"),
    DNX_ARG_INT(cluster_args, least, "-least", "N", 2, 1, 1000000, "faces that make a person"),
    DNX_ARG_FLAG(cluster_args, aligned, "-aligned", "the photographs are crops already"),
    DNX_ARG_INT(cluster_args, min_face, "-min-face", "N", 40, 12, 16384,
                "the smallest face to find, pixels"),
    DNX_ARG_TEXT(cluster_args, mtcnn, "-mtcnn", "FOLDER",
                 "the face detector; default: where `make faces-deps` puts it"),
    DNX_ARG_FLAG(cluster_args, force, "-force", "replace the people of an earlier call"),
    DNX_ARG_END,
};

#define SCRIPT "/scripts/cluster_faces.py"

/* Sets self to ROOT/bin/darknet and script to ROOT/scripts/cluster_faces.py. Returns 0 or errno. */
static int find_script(char *self, char *script) {
    const ssize_t n = readlink("/proc/self/exe", self, PATH_MAX - 1);
    self[n > 0 ? n : 0] = 0;
    snprintf(script, PATH_MAX, "%s", self);
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(script, '/');
        if (slash) *slash = 0;
    }
    if (strlen(script) + sizeof SCRIPT > PATH_MAX) return errno = ENAMETOOLONG;
    strcat(script, SCRIPT);
    return access(script, X_OK) ? errno : 0;
}

static int run(const void *args, dnx_err *err) {
    const cluster_args *a = args;
    char self[PATH_MAX], script[PATH_MAX], least[32], min_face[32], threshold[PATH_MAX];
    const int fault = find_script(self, script);
    if (fault) {
        dnx_fail_at(err, DNX_EIO, script,
                    "%s; `darknet cluster` needs the source folder: run the bin/darknet there",
                    strerror(fault));
        return 1;
    }
    snprintf(least, sizeof least, "%d", a->least);
    snprintf(min_face, sizeof min_face, "%d", a->min_face);
    const char *words[20] = {script, "--least", least, "--min-face", min_face};
    int n = 5;
    if (a->threshold) { /* one word, because the value may begin with '-' */
        snprintf(threshold, sizeof threshold, "--threshold=%s", a->threshold);
        words[n++] = threshold;
    }
    if (a->mtcnn) words[n++] = "--mtcnn", words[n++] = a->mtcnn;
    if (a->aligned) words[n++] = "--aligned";
    if (a->force) words[n++] = "--force";
    words[n++] = "--"; /* a file's name may begin with '-' */
    words[n++] = a->cfg, words[n++] = a->weights, words[n++] = a->photos, words[n] = a->out;
    setenv("DARKNET_BIN", self, 0);
    fflush(stdout);
    execv(script, (char *const *)(uintptr_t)words);
    return dnx_fail_at(err, DNX_EIO, script, "cannot run: %s", strerror(errno)) != DNX_OK;
}

const dnx_verb dnx_cmd_cluster = {
    "cluster",
    "group an unsorted folder of faces into people",
    table,
    sizeof(cluster_args),
    run,
    "out/people/person-0001 and so on get the crops, out/sheets a contact sheet of each, out/alone "
    "the faces of groups with fewer than -least. This runs scripts/cluster_faces.py, which needs "
    "Python's NumPy, Pillow and scikit-learn (`make eval-deps`)."};
