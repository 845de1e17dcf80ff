/* darknet embed: the features of images, into one file. Layers from the first loss on are left out.
 *
 * The file, little endian: "DNXE", uint32 version = 1, uint32 count, uint32 dim; then count names,
 * each uint32 length and that many bytes, as listed (in a folder: relative to it); then count x dim
 * float32. scripts/embeddings.py reads it. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "host.h"
#include "jpeg.h"
#include "kernels/kernels.h"
#include "kernels/pool.h"

static int run(int argc, char **argv);

const dnx_verb dnx_cmd_embed = {
    "embed",
    "embed net.cfg weights images out [-flip sum|concat] [-unit] [-batch N] [-threads N]",
    "write the features of a folder or list of images into a file", run};

enum { NO_FLIP, SUM, CONCAT };

typedef struct {
    char **name; /* as written into the file */
    size_t n, room;
    char *base;  /* names are relative to this folder when they exist there; "" none */
} list;

typedef struct {
    dnx_net *net;
    const list *images;
    size_t first;
    int count, flip;
    float *x;           /* count x H x W x C, then their mirror images */
    float *features;    /* of count images, one side */
    dnx_err *errors;    /* one a thread */
} job;

static dnx_loc at(const char *path) { return (dnx_loc){path, 0}; }

/* ---- names ---- */

static char *joined(const char *a, const char *b) {
    size_t n = strlen(a);
    char *s = malloc(n + strlen(b) + 2);
    if (s) sprintf(s, "%s%s%s", a, n && a[n - 1] != '/' ? "/" : "", b);
    return s;
}

static dnx_status add(list *l, char *name, dnx_err *err) {
    if (name && l->n == l->room) {
        size_t room = l->room ? 2 * l->room : 1024;
        char **more = realloc(l->name, room * sizeof *more);
        if (more) {
            l->name = more;
            l->room = room;
        }
    }
    if (!name || l->n == l->room) {
        free(name);
        return dnx_fail(err, DNX_EMEM, at(l->base), "no memory for the names");
    }
    l->name[l->n++] = name;
    return DNX_OK;
}

static bool is_image(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot && (!strcasecmp(dot, ".jpg") || !strcasecmp(dot, ".jpeg") ||
                   !strcasecmp(dot, ".png"));
}

#define DEEPEST 32 /* folders in folders: a link may lead in a circle */

static dnx_status add_folder(list *l, const char *under, int depth, dnx_err *err) {
    char *path = joined(l->base, under);
    DIR *d = path ? opendir(path) : NULL;
    dnx_status st = DNX_OK;
    if (!path) return dnx_fail(err, DNX_EMEM, at(l->base), "no memory for the names");
    if (!d) st = dnx_fail(err, DNX_EIO, at(path), "cannot open: %s", strerror(errno));
    if (depth > DEEPEST)
        st = dnx_fail(err, DNX_EIO, at(path), "more than %d folders deep", DEEPEST);
    for (struct dirent *e; !st && (e = readdir(d));) {
        struct stat info;
        char *name = e->d_name[0] == '.' ? NULL : *under ? joined(under, e->d_name)
                                                         : strdup(e->d_name);
        char *full = name ? joined(l->base, name) : NULL;
        bool found = full && !stat(full, &info);
        if (found && S_ISDIR(info.st_mode)) st = add_folder(l, name, depth + 1, err);
        else if (found && is_image(name)) {
            st = add(l, name, err);
            name = NULL;
        }
        free(name);
        free(full);
    }
    if (d) closedir(d);
    free(path);
    return st;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static dnx_status add_lines(list *l, const char *path, dnx_err *err) {
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    dnx_status st = DNX_OK;
    if (!f) return dnx_fail(err, DNX_EIO, at(path), "cannot open: %s", strerror(errno));
    while (!st && (n = getline(&line, &room, f)) >= 0) {
        while (n > 0 && strchr(" \t\r\n", line[n - 1])) line[--n] = 0;
        if (n > 0) st = add(l, strdup(line), err);
    }
    if (!st && ferror(f)) st = dnx_fail(err, DNX_EIO, at(path), "cannot read: %s", strerror(errno));
    free(line);
    fclose(f);
    return st;
}

static dnx_status find_images(const char *path, list *l, dnx_err *err) {
    struct stat info;
    if (stat(path, &info))
        return dnx_fail(err, DNX_EIO, at(path), "cannot open: %s", strerror(errno));
    bool is_folder = S_ISDIR(info.st_mode);
    const char *slash = strrchr(path, '/');
    l->base = is_folder ? strdup(path) : strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
    if (!l->base) return dnx_fail(err, DNX_EMEM, at(path), "no memory");
    dnx_status st = is_folder ? add_folder(l, "", 0, err) : add_lines(l, path, err);
    if (st) return st;
    if (!l->n) return dnx_fail(err, DNX_EIO, at(path), "no images");
    if (l->n > UINT32_MAX) return dnx_fail(err, DNX_EIO, at(path), "too many images");
    if (is_folder) qsort(l->name, l->n, sizeof *l->name, by_name);
    return DNX_OK;
}

static void free_list(list *l) {
    for (size_t i = 0; i < l->n; i++) free(l->name[i]);
    free(l->name);
    free(l->base);
}

/* ---- pixels ---- */

static dnx_status read_whole(const char *path, unsigned char **bytes, size_t *n, dnx_err *err) {
    FILE *f = fopen(path, "rb");
    *bytes = NULL;
    *n = 0;
    if (!f) return dnx_fail(err, DNX_EIO, at(path), "cannot open: %s", strerror(errno));
    long size = fseek(f, 0, SEEK_END) ? -1 : ftell(f);
    bool ok = size > 0 && size < 1L << 30 && !fseek(f, 0, SEEK_SET);
    if (ok) *bytes = malloc((size_t)size);
    *n = *bytes ? fread(*bytes, 1, (size_t)size, f) : 0;
    fclose(f);
    if (*bytes && *n == (size_t)size) return DNX_OK;
    free(*bytes);
    *bytes = NULL;
    return dnx_fail(err, DNX_EIO, at(path), size == 0 ? "is empty" : "cannot be read");
}

/* RGB to floats; one channel gets the luma. */
static void normalise(const dnx_net *net, const unsigned char *rgb, float *x, float *mirrored) {
    int H = net->in.h, W = net->in.w, C = net->in.c;
    for (int y = 0; y < H; y++)
        for (int i = 0; i < W; i++, rgb += 3) {
            float grey = .299f * rgb[0] + .587f * rgb[1] + .114f * rgb[2];
            for (int c = 0; c < C; c++) {
                float v = ((C == 1 ? grey : rgb[c]) - net->o.input_mean) * net->o.input_scale;
                x[(y * W + i) * C + c] = v;
                if (mirrored) mirrored[(y * W + W - 1 - i) * C + c] = v;
            }
        }
}

static dnx_status load(const dnx_net *net, const char *path, float *x, float *mirrored,
                       dnx_err *err) {
    unsigned char *bytes;
    size_t n = 0;
    int w = 0, h = 0;
    dnx_status st = read_whole(path, &bytes, &n, err);
    if (st) return st;
    bool is_jpeg = dnx_jpeg_is(bytes, n);
    unsigned char *rgb = is_jpeg ? dnx_jpeg_decode(bytes, n, &w, &h)
                                 : dnx_host_decode(bytes, n, &w, &h);
    free(bytes);
    if (!rgb) return dnx_fail(err, DNX_EPARSE, at(path), "is no image that can be decoded");
    if (w == net->in.w && h == net->in.h) normalise(net, rgb, x, mirrored);
    else st = dnx_fail(err, DNX_ESHAPE, at(path),
                       "is %d x %d pixels, the network's input %d x %d: align and crop the faces "
                       "to that size", w, h, net->in.w, net->in.h);
    if (is_jpeg) free(rgb);
    else dnx_host_decode_free(rgb);
    return st;
}

static void load_share(void *arg, int t, int threads) {
    job *j = arg;
    size_t size = dnx_size(j->net->in);
    long lo, hi;
    dnx_share(j->count, t, threads, &lo, &hi);
    for (long i = lo; i < hi && !j->errors[t].status; i++) {
        const char *name = j->images->name[j->first + (size_t)i];
        char *path = name[0] == '/' ? strdup(name) : joined(j->images->base, name);
        if (path && access(path, F_OK) && !access(name, F_OK)) strcpy(path, name);
        float *x = j->x + (size_t)i * size;
        if (!path) dnx_fail(&j->errors[t], DNX_EMEM, at(name), "no memory");
        else load(j->net, path, x, j->flip ? x + (size_t)j->count * size : NULL, &j->errors[t]);
        free(path);
    }
}

/* ---- features ---- */

static int last_layer(const dnx_net *net) {
    int i = 0;
    while (i < net->n && !net->nodes[i].type->is_loss) i++;
    return i - 1;
}

/* Features of up to a batch of images into out: count x dim. */
static dnx_status embed(job *j, int last, bool unit, float *out, dnx_err *err) {
    dnx_net *net = j->net;
    size_t D = dnx_size(net->nodes[last].out), dim = j->flip == CONCAT ? 2 * D : D;
    dnx_pool_run(net->pool, load_share, j);
    for (int t = 0; t < dnx_pool_threads(net->pool); t++)
        if (j->errors[t].status) {
            *err = j->errors[t];
            return err->status;
        }
    for (int side = 0; side < (j->flip ? 2 : 1); side++) {
        const float *x = j->x + (size_t)side * (size_t)j->count * dnx_size(net->in);
        dnx_net_run(net, x, j->count, last, j->features);
        for (int b = 0; b < j->count; b++)
            for (size_t k = 0; k < D; k++) {
                float v = j->features[(size_t)b * D + k];
                float *to = out + (size_t)b * dim + k + (side && j->flip == CONCAT ? D : 0);
                *to = v + (side && j->flip == SUM ? *to : 0);
            }
    }
    for (int b = 0; b < j->count; b++) {
        float *v = out + (size_t)b * dim;
        double norm = sqrt(dnx_kernels()->dot(v, v, dim));
        if (!isfinite(norm))
            return dnx_fail(err, DNX_ENUMBER, at(j->images->name[j->first + (size_t)b]),
                            "the features are no numbers");
        for (size_t k = 0; unit && norm > 0 && k < dim; k++) v[k] = (float)(v[k] / norm);
    }
    return DNX_OK;
}

static bool write_head(FILE *f, const list *l, size_t dim) {
    uint32_t head[3] = {1, (uint32_t)l->n, (uint32_t)dim};
    bool ok = fwrite("DNXE", 4, 1, f) == 1 && fwrite(head, sizeof head, 1, f) == 1;
    for (size_t i = 0; ok && i < l->n; i++) {
        uint32_t n = (uint32_t)strlen(l->name[i]);
        ok = fwrite(&n, sizeof n, 1, f) == 1 && fwrite(l->name[i], 1, n, f) == n;
    }
    return ok;
}

static dnx_status write_all(job *j, int last, bool unit, FILE *f, const char *path, dnx_err *err) {
    size_t dim = dnx_size(j->net->nodes[last].out) * (j->flip == CONCAT ? 2 : 1);
    float *out = dnx_alloc((size_t)j->net->batch * dim);
    j->features = dnx_alloc((size_t)j->net->batch * dim);
    dnx_status st = out && j->features ? DNX_OK : dnx_fail(err, DNX_EMEM, at(path), "no memory");
    bool ok = write_head(f, j->images, dim);
    for (j->first = 0; !st && ok && j->first < j->images->n; j->first += (size_t)j->count) {
        size_t left = j->images->n - j->first;
        j->count = left < (size_t)j->net->batch ? (int)left : j->net->batch;
        st = embed(j, last, unit, out, err);
        if (!st) ok = fwrite(out, sizeof(float) * dim, (size_t)j->count, f) == (size_t)j->count;
    }
    dnx_free(out);
    dnx_free(j->features);
    if (!st && (!ok || fflush(f) || fsync(fileno(f))))
        st = dnx_fail(err, DNX_EIO, at(path), "cannot write: %s", strerror(errno));
    return st;
}

/* Writes path.tmp, then renames it: the file is there whole or not at all. Renaming would replace a
 * device such as /dev/full by a file, so only files are replaced. */
static dnx_status save(job *j, int last, bool unit, const char *path, dnx_err *err) {
    struct stat info;
    if (!stat(path, &info) && !S_ISREG(info.st_mode))
        return dnx_fail(err, DNX_EIO, at(path), "cannot write: not a regular file");
    char *temporary = malloc(strlen(path) + 5);
    if (!temporary) return dnx_fail(err, DNX_EMEM, at(path), "no memory");
    sprintf(temporary, "%s.tmp", path);
    FILE *f = fopen(temporary, "wb");
    dnx_status st = f ? write_all(j, last, unit, f, path, err) : DNX_OK;
    if (!f || (fclose(f) && !st) || (!st && rename(temporary, path)))
        st = dnx_fail(err, DNX_EIO, at(path), "cannot write: %s", strerror(errno));
    if (f && st) remove(temporary);
    free(temporary);
    return st;
}

static dnx_status work(dnx_net *net, const char *images, const char *out, int flip, bool unit,
                       dnx_err *err) {
    list l = {0};
    int last = last_layer(net), sides = flip ? 2 : 1;
    if (net->in.c != 1 && net->in.c != 3)
        return dnx_fail(err, DNX_ESHAPE, at(net->file), "[net] channels=%d: images have 1 or 3",
                        net->in.c);
    if (last < 0) return dnx_fail(err, DNX_ESHAPE, at(net->file), "no layer before the first loss");
    job j = {.net = net, .images = &l, .flip = flip};
    j.x = dnx_alloc((size_t)sides * (size_t)net->batch * dnx_size(net->in));
    j.errors = calloc((size_t)dnx_pool_threads(net->pool), sizeof *j.errors);
    dnx_status st = j.x && j.errors ? find_images(images, &l, err)
                                    : dnx_fail(err, DNX_EMEM, at(images), "no memory");
    double start = dnx_now();
    dnx_flush_denormals();
    if (!st) st = save(&j, last, unit, out, err);
    if (!st)
        printf("%zu images, %zu numbers each, %.2f s\n", l.n,
               dnx_size(net->nodes[last].out) * (flip == CONCAT ? 2 : 1), dnx_now() - start);
    dnx_free(j.x);
    free(j.errors);
    free_list(&l);
    return st;
}

static int run(int argc, char **argv) {
    dnx_err err = {0};
    dnx_net *net;
    bool ok = true, unit = dnx_take_flag(&argc, argv, "-unit");
    const char *word = dnx_take(&argc, argv, "-flip", NULL);
    int batch = dnx_take_int(&argc, argv, "-batch", 16, 1, 65536, &ok);
    int threads = dnx_take_int(&argc, argv, "-threads", 0, 1, 64, &ok);
    int flip = !word ? NO_FLIP : !strcmp(word, "sum") ? SUM : CONCAT;
    if (word && strcmp(word, "sum") && strcmp(word, "concat")) {
        fprintf(stderr, "darknet: -flip %s: must be sum or concat\n", word);
        ok = false;
    }
    if (!ok || argc != 5) return dnx_usage(&dnx_cmd_embed);
    if (dnx_open(argv[1], argv[2], false, batch, threads, &net, &err)) return dnx_report(&err);
    dnx_status st = work(net, argv[3], argv[4], flip, unit, &err);
    dnx_net_free(net);
    return st ? dnx_report(&err) : 0;
}
