#include "data.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "jpeg.h"
#include "opts.h"

#define MAX_FILE (1u << 30) /* bytes of an image or a list */

typedef dnx_data_opts O;
static const dnx_opt options[] = {
    DNX_OPT_INT(O, classes, 0, 1, 16777216, "number of classes"), /* floats count so far */
    DNX_OPT_INT(O, top, 1, 1, 16777216, "the host's; not used"),
    DNX_OPT_STRING(O, train, NULL, "folder or list of the images to train on"),
    DNX_OPT_STRING(O, valid, NULL, "the host's; not used"),
    DNX_OPT_STRING(O, labels, NULL, "file with a label a line, to look for in paths"),
    DNX_OPT_STRING(O, names, NULL, "the same; used when labels is not given"),
    DNX_OPT_STRING(O, backup, "backup", "folder for weights, checkpoints and the log"),
    DNX_OPT_END};

/* The whole file and a NUL; NULL with errno set. */
static char *read_file(const char *path, size_t *len) {
    struct stat s;
    char *text = NULL;
    if (!stat(path, &s) && !S_ISREG(s.st_mode)) { /* opening a FIFO would wait */
        errno = S_ISDIR(s.st_mode) ? EISDIR : EINVAL;
        return NULL;
    }
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    int why = EIO; /* a short read */
    if (fstat(fileno(f), &s)) why = errno;
    else if (!S_ISREG(s.st_mode)) why = EISDIR;
    else if (s.st_size > MAX_FILE) why = EFBIG;
    else if (!(text = malloc((size_t)s.st_size + 1))) why = ENOMEM;
    else if (fread(text, 1, (size_t)s.st_size, f) != (size_t)s.st_size) {
        free(text);
        text = NULL;
    } else {
        text[s.st_size] = 0;
        *len = (size_t)s.st_size;
    }
    fclose(f);
    errno = why;
    return text;
}

static char *trim(char *s) {
    while (isspace((unsigned char)*s)) s++;
    for (size_t n = strlen(s); n && isspace((unsigned char)s[n - 1]); n--) s[n - 1] = 0;
    return s;
}

/* Takes the line that starts at *at; NULL at the end. */
static char *next_line(char **at, const char *end) {
    char *line = *at;
    if (line >= end) return NULL;
    char *stop = memchr(line, '\n', (size_t)(end - line));
    *at = stop ? stop + 1 : (char *)(uintptr_t)end;
    if (stop) *stop = 0;
    return line;
}

static dnx_status read_options(dnx_data *d, dnx_err *err) {
    enum { MOST = 64 };
    dnx_pair pairs[MOST];
    dnx_section s = {(char[]){"data"}, 1, pairs, 0};
    size_t len;
    char *text = read_file(d->file, &len), *at = text, *line;
    if (!text)
        return dnx_fail(err, DNX_EIO, (dnx_loc){d->file, 0}, "cannot read: %s", strerror(errno));
    dnx_status st = DNX_OK;
    for (int n = 1; !st && (line = next_line(&at, text + len)); n++) {
        dnx_loc here = {d->file, n};
        if (*(line = trim(line)) == 0 || *line == '#' || *line == ';') continue;
        char *sign = strchr(line, '=');
        if (sign) *sign = 0;
        if (!sign || !*(line = trim(line)) || !*trim(sign + 1))
            st = dnx_fail(err, DNX_EPARSE, here, "must be key=value");
        else if (s.n == MOST) st = dnx_fail(err, DNX_EPARSE, here, "more than %d options", MOST);
        else pairs[s.n++] = (dnx_pair){line, trim(sign + 1), n};
    }
    if (!st)
        st = dnx_opts_parse((const dnx_opt *[]){options}, (void *[]){&d->o}, 1, &s, d->file, err);
    free(text);
    dnx_loc whole = {d->file, 0};
    if (!st && !d->o.classes) st = dnx_fail(err, DNX_EOPTION, whole, "[data] needs classes=");
    if (!st && !d->o.train) st = dnx_fail(err, DNX_EOPTION, whole, "[data] needs train=");
    return st;
}

/* ---- the list ---- */

static bool add(dnx_data *d, size_t *room, size_t at, int class_of) {
    if (d->n == *room) {
        size_t more = *room ? *room * 2 : 1024;
        size_t *p = realloc(d->path, more * sizeof *p);
        if (p) d->path = p;
        int *c = p ? realloc(d->class_of, more * sizeof *c) : NULL;
        if (!c) return false;
        d->class_of = c;
        *room = more;
    }
    d->path[d->n] = at;
    d->class_of[d->n++] = class_of;
    return true;
}

typedef struct {
    char *text, **label;
    int n;
} labels;

static dnx_status read_labels(const dnx_data *d, labels *l, dnx_err *err) {
    const char *file = d->o.labels ? d->o.labels : d->o.names;
    size_t len;
    char *line;
    if (!file) return DNX_OK;
    dnx_loc at = {file, 0};
    l->text = read_file(file, &len);
    if (!l->text) return dnx_fail(err, DNX_EIO, at, "cannot read: %s", strerror(errno));
    l->label = malloc(sizeof *l->label * (size_t)d->o.classes);
    if (!l->label) return dnx_fail(err, DNX_EMEM, at, "no memory for %d labels", d->o.classes);
    for (char *p = l->text; l->n < d->o.classes && (line = next_line(&p, l->text + len));)
        if (*(line = trim(line))) l->label[l->n++] = line;
    return DNX_OK;
}

/* The one label that the path contains, like the host, which would take any of several. */
static dnx_status resolve(const labels *l, const char *path, dnx_loc at, int *found, dnx_err *err) {
    *found = -1;
    for (int i = 0; i < l->n; i++) {
        if (!strstr(path, l->label[i])) continue;
        if (*found >= 0)
            return dnx_fail(err, DNX_EOPTION, at,
                            "%.200s: contains two labels, '%.60s' and '%.60s'", path,
                            l->label[*found], l->label[i]);
        *found = i;
    }
    if (*found >= 0) return DNX_OK;
    return dnx_fail(err, DNX_EOPTION, at,
                    l->n ? "%.200s: contains no label"
                         : "%.200s: has no class, and [data] no labels=",
                    path);
}

/* A last word of digits is the class and is cut off; false: there is none. */
static bool cut_class(char *line, double *value) {
    char *end = line + strlen(line), *p = end;
    while (p > line && isdigit((unsigned char)p[-1])) p--;
    if (p > line && p[-1] == '-') p--;
    if (p == end || p == line || !isspace((unsigned char)p[-1]) || p[*p == '-'] == 0) return false;
    *value = strtod(p, NULL);
    p[-1] = 0;
    return true;
}

static dnx_status read_list(dnx_data *d, dnx_err *err) {
    labels l = {0};
    size_t room = 0;
    char *line;
    d->text = read_file(d->o.train, &d->text_len);
    if (!d->text)
        return dnx_fail(err, DNX_EIO, (dnx_loc){d->o.train, 0}, "cannot read: %s", strerror(errno));
    dnx_status st = read_labels(d, &l, err);
    char *p = d->text;
    for (int n = 1; !st && (line = next_line(&p, d->text + d->text_len)); n++) {
        dnx_loc at = {d->o.train, n};
        int class_of = 0;
        double value;
        if (*(line = trim(line)) == 0) continue;
        if (!cut_class(line, &value)) st = resolve(&l, line, at, &class_of, err);
        else if (value < 0 || value >= d->o.classes)
            st = dnx_fail(err, DNX_EOPTION, at, "class %.0f: must be from 0 to %d", value,
                          d->o.classes - 1);
        else {
            class_of = (int)value;
            line = trim(line);
        }
        if (!st && !add(d, &room, (size_t)(line - d->text), class_of))
            st = dnx_fail(err, DNX_EMEM, at, "no memory for the list");
    }
    free(l.text);
    free(l.label);
    return st;
}

static int visible(const struct dirent *e) { return e->d_name[0] != '.'; }

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool append(dnx_data *d, size_t *room, const char *a, const char *b, const char *c) {
    size_t need = strlen(a) + strlen(b) + strlen(c) + 3;
    if (d->text_len + need > *room) {
        size_t more = (*room + need) * 2;
        char *text = realloc(d->text, more);
        if (!text) return false;
        d->text = text;
        *room = more;
    }
    int used = snprintf(d->text + d->text_len, need, "%s/%s%s%s", a, b, *c ? "/" : "", c);
    d->text_len += (size_t)used + 1;
    return true;
}

static dnx_status read_identity(dnx_data *d, const char *name, int class_of, size_t room[2],
                                dnx_err *err) {
    dnx_loc at = {d->o.train, 0};
    struct dirent **files;
    size_t start = d->text_len;
    if (!append(d, &room[0], d->o.train, name, ""))
        return dnx_fail(err, DNX_EMEM, at, "no memory for the list");
    int n = scandir(d->text + start, &files, visible, by_bytes);
    d->text_len = start;
    if (n < 0) return dnx_fail(err, DNX_EIO, at, "cannot read %.200s: %s", name, strerror(errno));
    bool ok = true;
    for (int i = 0; i < n; i++) {
        start = d->text_len;
        ok = ok && append(d, &room[0], d->o.train, name, files[i]->d_name) &&
             add(d, &room[1], start, class_of);
        free(files[i]);
    }
    free(files);
    return ok ? DNX_OK : dnx_fail(err, DNX_EMEM, at, "no memory for the list");
}

static bool is_folder(const dnx_data *d, const char *name) {
    char path[8192];
    struct stat s;
    int n = snprintf(path, sizeof path, "%s/%s", d->o.train, name);
    return n > 0 && (size_t)n < sizeof path && !stat(path, &s) && S_ISDIR(s.st_mode);
}

static dnx_status read_folders(dnx_data *d, dnx_err *err) {
    dnx_loc at = {d->o.train, 0};
    struct dirent **names;
    size_t room[2] = {0, 0};
    int n = scandir(d->o.train, &names, visible, by_bytes), classes = 0;
    if (n < 0) return dnx_fail(err, DNX_EIO, at, "cannot read: %s", strerror(errno));
    dnx_status st = DNX_OK;
    for (int i = 0; i < n; i++) {
        if (!st && is_folder(d, names[i]->d_name)) {
            if (classes >= d->o.classes)
                st = dnx_fail(err, DNX_EOPTION, (dnx_loc){d->file, 0},
                              "[data] classes=%d: %.200s has more identity folders", d->o.classes,
                              d->o.train);
            else st = read_identity(d, names[i]->d_name, classes++, room, err);
        }
        free(names[i]);
    }
    free(names);
    return st;
}

/* ---- the scan ---- */

static const char *fault(const char *path) {
    static const struct {
        const char *bytes;
        size_t n;
    } magic[] = {{"\xff\xd8\xff", 3}, {"\x89PNG", 4}, {"BM", 2}, {"GIF8", 4}, {"P5", 2}, {"P6", 2}};
    unsigned char head[4] = {0};
    struct stat s;
    if (stat(path, &s)) return strerror(errno);
    if (!S_ISREG(s.st_mode)) return "is no file";
    if (s.st_size > MAX_FILE) return "is larger than 1 GB";
    FILE *f = fopen(path, "rb");
    if (!f) return strerror(errno);
    setvbuf(f, NULL, _IONBF, 0);
    size_t got = fread(head, 1, sizeof head, f);
    fclose(f);
    if (got == 0) return "is empty";
    for (size_t i = 0; i < sizeof magic / sizeof *magic; i++)
        if (got >= magic[i].n && !memcmp(head, magic[i].bytes, magic[i].n)) return NULL;
    return "is no image";
}

static uint64_t fnv(uint64_t h, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static dnx_status scan(dnx_data *d, void (*broken)(void *, const char *, const char *), void *arg,
                       dnx_err *err) {
    dnx_loc at = {d->o.train, 0};
    size_t kept = 0;
    d->listed = d->n;
    d->checksum = 0xcbf29ce484222325u;
    for (size_t i = 0; i < d->n; i++) {
        const char *path = dnx_data_path(d, i), *why = fault(path);
        if (why) {
            if (broken) broken(arg, path, why);
            d->broken++;
            continue;
        }
        d->path[kept] = d->path[i];
        d->class_of[kept++] = d->class_of[i];
        d->checksum = fnv(d->checksum, path, strlen(path) + 1);
        d->checksum = fnv(d->checksum, &d->class_of[i], sizeof *d->class_of);
    }
    d->n = kept;
    if (!d->listed) return dnx_fail(err, DNX_EIO, at, "lists no images");
    if (d->n > UINT32_MAX) return dnx_fail(err, DNX_EIO, at, "lists too many images");
    if (d->broken * 100 > d->listed || !d->n)
        return dnx_fail(err, DNX_EIO, at, "%zu of %zu images are broken or missing, more than 1 %%",
                        d->broken, d->listed);
    return DNX_OK;
}

dnx_status dnx_data_open(const char *file, void (*broken)(void *, const char *, const char *),
                         void *arg, dnx_data **out, dnx_err *err) {
    struct stat s;
    *out = NULL;
    dnx_data *d = calloc(1, sizeof *d);
    if (!d || !(d->file = strdup(file))) {
        free(d);
        return dnx_fail(err, DNX_EMEM, (dnx_loc){file, 0}, "no memory");
    }
    dnx_status st = read_options(d, err);
    if (!st && stat(d->o.train, &s))
        st = dnx_fail(err, DNX_EIO, (dnx_loc){d->o.train, 0}, "cannot read: %s", strerror(errno));
    if (!st) st = S_ISDIR(s.st_mode) ? read_folders(d, err) : read_list(d, err);
    if (!st) st = scan(d, broken, arg, err);
    if (st) dnx_data_close(d);
    else *out = d;
    return st;
}

void dnx_data_close(dnx_data *d) {
    if (!d) return;
    dnx_opts_free(options, &d->o);
    free(d->text);
    free(d->path);
    free(d->class_of);
    free(d->file);
    free(d);
}

/* ---- one image ---- */

/* Output `at` of n over `size` inputs: its lower neighbour and the share of the upper one. */
static int neighbour(int at, int n, int size, float *share) {
    float x = ((float)at + .5f) * (float)size / (float)n - .5f;
    if (x < 0) x = 0;
    int i = (int)x;
    if (i > size - 2) i = size > 1 ? size - 2 : 0;
    *share = size > 1 ? fminf(x - (float)i, 1) : 0;
    return i;
}

static void place(const unsigned char *rgb, int w, int h, const dnx_net *net, bool mirrored,
                  float *out) {
    const int W = net->in.w, H = net->in.h, C = net->in.c;
    const float mean = net->o.input_mean, scale = net->o.input_scale;
    const bool as_is = w == W && h == H;
    for (int y = 0; y < H; y++) {
        float fy = 0, fx = 0;
        int y0 = as_is ? y : neighbour(y, H, h, &fy), y1 = y0 + (fy > 0);
        for (int x = 0; x < W; x++) {
            int x0 = as_is ? x : neighbour(x, W, w, &fx), x1 = x0 + (fx > 0);
            const unsigned char *a = rgb + ((size_t)y0 * (size_t)w + (size_t)x0) * 3;
            const unsigned char *b = rgb + ((size_t)y0 * (size_t)w + (size_t)x1) * 3;
            const unsigned char *c = rgb + ((size_t)y1 * (size_t)w + (size_t)x0) * 3;
            const unsigned char *e = rgb + ((size_t)y1 * (size_t)w + (size_t)x1) * 3;
            float v[3];
            for (int k = 0; k < 3; k++)
                v[k] = (1 - fy) * ((1 - fx) * a[k] + fx * b[k]) +
                       fy * ((1 - fx) * c[k] + fx * e[k]);
            float *to = out + ((size_t)y * (size_t)W + (size_t)(mirrored ? W - 1 - x : x)) *
                                  (size_t)C;
            if (C == 1) to[0] = (.299f * v[0] + .587f * v[1] + .114f * v[2] - mean) * scale;
            else
                for (int k = 0; k < 3; k++) to[k] = (v[k] - mean) * scale;
        }
    }
}

bool dnx_data_image(const dnx_data *d, size_t i, const dnx_net *net, bool mirrored,
                    dnx_decode *other, void (*free_other)(unsigned char *), float *out) {
    size_t len = 0;
    int w = 0, h = 0;
    char *bytes = read_file(dnx_data_path(d, i), &len);
    if (!bytes) return false;
    const unsigned char *b = (const unsigned char *)bytes;
    bool is_jpeg = dnx_jpeg_is(b, len);
    unsigned char *rgb = is_jpeg ? dnx_jpeg_decode(b, len, &w, &h) : other(b, len, &w, &h);
    free(bytes);
    if (!rgb) return false;
    bool ok = w > 0 && h > 0 && w <= DNX_MAX_SIDE && h <= DNX_MAX_SIDE;
    if (ok) place(rgb, w, h, net, mirrored, out);
    if (is_jpeg) free(rgb);
    else free_other(rgb);
    return ok;
}
