/* darknet pairs: prints the pairs of a list or a verification set, one in a line, for scripts. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/outfile.h"
#include "base/paths.h"
#include "cmd/cmd.h"
#include "face/pairs.h"

typedef struct {
    const char *pairs, *faces, *unpack;
} pairs_args;

static const dnx_arg table[] = {
    DNX_PLACE(pairs_args, pairs, "pairs", "a list of pairs, or a verification set NAME.bin"),
    DNX_ARG_TEXT(pairs_args, faces, "-faces", "FOLDER",
                 "print the paths of the images there; default the names as listed"),
    DNX_ARG_TEXT(pairs_args, unpack, "-unpack", "FOLDER",
                 "write the images of a NAME.bin there, as NAME/NAME_0001.jpg and so on"),
    DNX_ARG_END,
};

/* Returns NAME of PATH/NAME.bin; free() it. Returns NULL when memory runs out. */
static char *set_name(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return strndup(name, strlen(name) - 4);
}

/* Fails when `file` exists and its content is not these n bytes. */
static dnx_status check_there(const char *file, const void *bytes, size_t n, dnx_err *err) {
    size_t len = 0;
    if (access(file, F_OK)) return DNX_OK;
    char *there = dnx_file_read_unnoted(file, DNX_MAX_FILE, &len);
    const bool is_same = there && len == n && !memcmp(there, bytes, n);
    free(there);
    if (is_same) return DNX_OK;
    return dnx_fail_at(err, DNX_EIO, file, "is another image; choose another folder");
}

static dnx_status unpack(const dnx_binset *s, const dnx_pairs *p, const char *name,
                         const char *folder, dnx_err *err) {
    char *under = dnx_path_join(folder, name),
         *file = malloc(strlen(folder) + 2 * strlen(name) + 40);
    dnx_status st = under && file ? dnx_folder_make(folder, err) : dnx_no_memory(folder, err);
    if (!st) st = dnx_folder_make(under, err);
    for (size_t k = 0; !st && k < 2 * s->n; k++) { /* first checks all files, then writes all */
        const size_t i = k % s->n;
        const bool is_png = s->image[i].n > 4 && !memcmp(s->image[i].bytes, "\x89PNG", 4);
        sprintf(file, "%s/%s_%04zu.%s", under, name, i + 1, is_png ? "png" : "jpg");
        st = (k < s->n ? check_there : dnx_outfile_write)(file, s->image[i].bytes, s->image[i].n,
                                                          err);
    }
    for (size_t i = 0; !st && i < p->n; i++)
        printf("%s/%s_%04zu\t%s/%s_%04zu\t%d\t%d\n", name, name, 2 * i + 1, name, name, 2 * i + 2,
               p->pair[i].same, p->pair[i].fold);
    free(under);
    free(file);
    return st;
}

static dnx_status print(const dnx_pairs *p, const char *file, const char *faces, dnx_err *err) {
    for (size_t i = 0; i < p->n; i++) {
        const dnx_face_pair *m = &p->pair[i];
        char *path[2] = {NULL, NULL};
        bool ok = true;
        for (int k = 0; faces && k < 2; k++) ok = dnx_pairs_find(faces, m->name[k], &path[k]) && ok;
        if (faces && (!path[0] || !path[1])) {
            dnx_status st = !ok ? dnx_no_memory(file, err)
                                : dnx_fail_at(err, DNX_EIO, file, "%s/%s is missing", faces,
                                              m->name[path[0] != NULL]);
            free(path[0]);
            free(path[1]);
            return st;
        }
        printf("%s\t%s\t%d\t%d\n", faces ? path[0] : m->name[0], faces ? path[1] : m->name[1],
               m->same, m->fold);
        free(path[0]);
        free(path[1]);
    }
    return DNX_OK;
}

static int run(const void *args, dnx_err *err) {
    const pairs_args *a = args;
    const bool is_set = dnx_binset_is_named(a->pairs);
    dnx_pairs p = {0};
    dnx_binset s = {0};
    if (a->unpack && !is_set) return dnx_wrong("-unpack needs a verification set NAME.bin");
    if (a->faces && is_set) return dnx_wrong("-faces: a verification set has its own images");
    dnx_status st = is_set ? dnx_binset_open(a->pairs, &s, err) : dnx_pairs_open(a->pairs, &p, err);
    if (!st && is_set) st = dnx_pairs_of_set(&s, a->pairs, &p, err);
    char *name = !st && a->unpack ? set_name(a->pairs) : NULL;
    if (!st && a->unpack && !name) st = dnx_no_memory(NULL, err);
    if (!st && name) st = unpack(&s, &p, name, a->unpack, err);
    else if (!st) st = print(&p, a->pairs, a->faces, err);
    free(name);
    dnx_binset_close(&s);
    dnx_pairs_free(&p);
    if (!st && (fflush(stdout) || ferror(stdout)))
        st = dnx_fail_at(err, DNX_EIO, NULL, "cannot write: %s", strerror(errno));
    return st != DNX_OK;
}

const dnx_verb dnx_cmd_pairs = {
    "pairs", "print pairs of faces: two images, 1 for the same person, fold; separated by tabs",
    table, sizeof(pairs_args), run};
