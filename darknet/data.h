/* data.h - the host's .data file, the list of training images, and one image as the network's
 * floats. Prints nothing; knows neither the trainer nor the host. */
#ifndef DNX_DATA_H
#define DNX_DATA_H
#include "net.h"

/* train: a folder of identity folders (class = place of the folder's name in sorted order), or a
 * list file with a line `path class` or `path` for each image. In the second form the class is that
 * of the one label in `labels` (or `names`) that the path contains. Paths are relative to the
 * current folder. valid and top are accepted for the host's sake and not used. */
typedef struct {
    int classes, top;
    char *train, *valid, *labels, *names, *backup; /* NULL when absent; backup "backup" */
} dnx_data_opts;

typedef struct {
    dnx_data_opts o;
    char *file;
    char *text;        /* all paths, each ended by NUL */
    size_t text_len;
    size_t *path;      /* image i's path starts at text + path[i] */
    int *class_of;
    size_t n;          /* usable images */
    size_t listed;     /* images listed, broken ones included */
    size_t broken;     /* of these: found broken by the scan */
    uint64_t checksum; /* of all usable paths and classes, in order */
} dnx_data;

/* Decodes bytes to *h x *w x 3, RGB; NULL when it cannot. Called from several threads. */
typedef unsigned char *dnx_decode(const unsigned char *bytes, size_t n, int *w, int *h);

/* Reads the .data file and the list, and looks at the first bytes of each file: it must exist, not
 * be empty, and start like a JPEG, PNG, BMP, GIF or PNM. Those that do not are dropped, and each is
 * reported to broken(arg, path, why), which may be NULL. DNX_EOPTION, DNX_EPARSE: a bad line (named
 * file:line); DNX_EIO: unreadable, no images, or more than 1 % of them broken. */
dnx_status dnx_data_open(const char *file, void (*broken)(void *, const char *, const char *),
                         void *arg, dnx_data **out, dnx_err *err);
void dnx_data_close(dnx_data *d); /* d may be NULL */

static inline const char *dnx_data_path(const dnx_data *d, size_t i) {
    return d->text + d->path[i];
}

/* Image i as H x W x C floats, (pixel - input_mean) * input_scale, resized to the network's size
 * (bilinear, no crop) and mirrored when asked. JPEG goes through libjpeg-turbo, the rest to other.
 * C is 3 (RGB) or 1 (luma). false: it cannot be read or decoded. Thread safe. */
bool dnx_data_image(const dnx_data *d, size_t i, const dnx_net *net, bool mirrored,
                    dnx_decode *other, void (*free_other)(unsigned char *), float *out);
#endif
