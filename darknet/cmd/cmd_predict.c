/* darknet classifier predict and valid: the syntax and output are those of Darknet's own command,
 * but the network is a dnx_net. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "net/finite.h"
#include "base/files.h"
#include "host/loop.h"
#include "kernels/pool.h"
#include "data/data.h"
#include "data/labels.h"
#include "data/letterbox.h"
#include "data/pixels.h"

enum { VALID_BATCH = 16 };

typedef struct {
    const char *data, *cfg, *weights, *image, *names;
    int top, batch, threads; /* top: 0 when not given */
} class_args;

#define PLACES                                                                                     \
    DNX_PLACE(class_args, data, "x.data", "the data file; see `darknet classifier train -h`"),     \
        DNX_PLACE_NET(class_args, cfg, weights)

static const dnx_arg predict_table[] = {
    PLACES,
    DNX_PLACE_MAYBE(class_args, image, "image",
                    "the image; without it the command asks for one after another"),
    DNX_ARG_INT(class_args, top, "-t", "N", 0, 1, 1 << 24,
                "classes to print; default top= of the data file"),
    DNX_ARG_TEXT(class_args, names, "-names", "FILE",
                 "the names of the classes, one in each line; default names= or labels= of the "
                 "data file, else the identities that the training of these weights wrote to "
                 "NAME.names"),
    DNX_ARG_THREADS(class_args),
    DNX_ARG_END,
};

static const dnx_arg valid_table[] = {
    PLACES,
    DNX_ARG_INT(class_args, batch, "-batch", "N", VALID_BATCH, 1, 65536, "images at a time"),
    DNX_ARG_THREADS(class_args),
    DNX_ARG_END,
};

typedef struct {
    dnx_net *net;
    int layer;  /* index of the last layer that gives classes and is no loss of distillation */
    int source; /* the last layer to run: `layer`, or its input when it is a margin loss */
    int classes;
    float *x, *y; /* x: the images of a batch; y: their outputs of layer `source` */
    float *p;     /* probabilities, batch x classes; classes in libdarknet's order C, H, W */
} model;

static dnx_status find_classes(model *m, dnx_err *err) {
    dnx_net *net = m->net;
    int i = net->n - 1;
    while (i > 0 && (dnx_target_of(net->nodes[i].type) || !dnx_answers(net->nodes[i].type))) i--;
    const dnx_node *n = &net->nodes[i];
    m->layer = m->source = i;
    size_t classes = dnx_size(n->out);
    if (dnx_has_logits(n->type)) {
        m->source = n->from[0];
        classes = (size_t)n->type->classifier->classes(n);
    }
    bool is_score = n->type->is_loss && !dnx_has_logits(n->type) && classes == 1;
    if (m->source < 0 || classes > INT_MAX || is_score)
        return dnx_fail(err, DNX_ESHAPE, n->loc, "[%s] says no class of an image", n->type->name);
    m->classes = (int)classes;
    size_t batch = (size_t)net->batch;
    if (dnx_takes_images(net, err)) return DNX_ESHAPE;
    m->x = dnx_alloc(batch * dnx_size(net->in));
    m->y = dnx_alloc(batch * dnx_size(net->nodes[m->source].out));
    m->p = dnx_alloc(batch * classes);
    if (m->x && m->y && m->p) return DNX_OK;
    return dnx_fail_at(err, DNX_EMEM, net->file, "no memory for the images");
}

static void softmax_row(float *z, int n) {
    double largest = -HUGE_VAL, sum = 0;
    for (int i = 0; i < n; i++) largest = (double)z[i] > largest ? (double)z[i] : largest;
    for (int i = 0; i < n; i++) sum += exp((double)z[i] - largest);
    for (int i = 0; i < n; i++) z[i] = (float)(exp((double)z[i] - largest) / sum);
}

/* Computes m->p for the first `count` images of m->x. of: the file of the first image, for messages
 * about NaN. Errors: those of the device; DNX_ENUMBER. */
static dnx_status classify(model *m, int count, const char *of, dnx_err *err) {
    dnx_net *net = m->net;
    dnx_node *n = &net->nodes[m->layer];
    size_t N = (size_t)m->classes, D = dnx_size(net->nodes[m->source].out);
    dnx_net_run(net, m->x, count, m->source, m->y);
    dnx_status st = dnx_net_status(net, err);
    const bool has_logits = dnx_has_logits(n->type);
    for (size_t b = 0; !has_logits && b < (size_t)count; b++)
        for (size_t i = 0; i < N; i++) m->p[b * N + i] = m->y[b * N + dnx_class_place(n->out, i)];
    for (int b = 0; has_logits && b < count; b += net->chunk) {
        int some = count - b < net->chunk ? count - b : net->chunk;
        float *z = m->p + (size_t)b * N;
        n->type->classifier->logits(n, m->y + (size_t)b * D, some, 0, m->classes, z);
        for (int k = 0; k < some; k++) softmax_row(z + (size_t)k * N, m->classes);
    }
    return st ? st : dnx_check_numbers(m->p, (size_t)count * N, of, err);
}

/* Stores the `top` most likely of n classes in falling order; the lower class wins a tie. */
static void find_top(const float *p, int n, int top, int *index) {
    for (int j = 0; j < top; j++) index[j] = -1;
    for (int i = 0; i < n; i++) {
        int at = top;
        while (at > 0 && (index[at - 1] < 0 || p[i] > p[index[at - 1]])) at--;
        if (at == top) continue;
        memmove(index + at + 1, index + at, sizeof *index * (size_t)(top - at - 1));
        index[at] = i;
    }
}

/* Converts `image` to the network's input x, and frees the image. fault: the result of decoding.
 * fit: scales the image to the input's size, and crops or pads it. */
static dnx_status load(const dnx_net *net, const char *name, dnx_image_fault fault,
                       dnx_image *image,
                       void (*fit)(const unsigned char *, int, int, int, int, float *), float *x,
                       dnx_err *err) {
    const size_t pixels = (size_t)net->in.h * (size_t)net->in.w, C = (size_t)net->in.c;
    if (fault == DNX_IMAGE_UNREAD)
        return dnx_fail_at(err, DNX_EIO, name, "cannot read: %s", strerror(errno));
    if (fault) return dnx_fail_at(err, DNX_EPARSE, name, "%s", image->why);
    float *fitted = dnx_alloc(pixels * 3);
    if (fitted) fit(image->rgb, image->w, image->h, net->in.w, net->in.h, fitted);
    dnx_image_free(image);
    if (!fitted) return dnx_no_memory(name, err);
    for (size_t i = 0; i < pixels; i++)
        dnx_pixel(fitted + 3 * i, net->in.c, net->o.input_mean, net->o.input_scale, x + i * C);
    dnx_free(fitted);
    return DNX_OK;
}

static dnx_status open_model(const class_args *a, int classes, int batch, model *m, dnx_err *err) {
    dnx_net *net = NULL;
    const dnx_opening o = {a->cfg, a->weights, classes, batch, a->threads, .to_run = true};
    dnx_status st = dnx_open(&o, &net, err);
    if (st) return st;
    m->net = net;
    return find_classes(m, err);
}

static void close_model(model *m) {
    dnx_net_free(m->net);
    dnx_free(m->x);
    dnx_free(m->y);
    dnx_free(m->p);
}

/* Checks -t, or top= of the data file when the command has no -t. */
static dnx_status check_top(const class_args *a, int top, int classes, dnx_err *err) {
    if (top <= classes) return DNX_OK;
    return dnx_fail_at(err, DNX_EOPTION, a->top ? NULL : a->data,
                       "%s%d: is more than the number of classes, %d",
                       a->top ? "-t " : "[data] top=", top, classes);
}

/* ---- predict ---- */

static dnx_status predict(model *m, const char *path, const dnx_labels *names, int top, int *index,
                          dnx_err *err) {
    dnx_image image;
    const dnx_image_fault fault = dnx_image_read(path, &image);
    dnx_status st = load(m->net, path, fault, &image, dnx_image_letterbox, m->x, err);
    if (st) return st;
    double start = dnx_now();
    st = classify(m, 1, path, err);
    if (st) return st;
    find_top(m->p, m->classes, top, index);
    fprintf(stderr, "%s: Predicted in %f seconds.\n", path, dnx_now() - start);
    for (int i = 0; i < top; i++)
        printf("%5.2f%%: %s\n", (double)m->p[index[i]] * 100, names->label[index[i]]);
    return DNX_OK;
}

/* Predicts the images whose paths are typed, one in a line. */
static dnx_status predict_lines(model *m, const dnx_labels *names, int top, int *index,
                                dnx_err *err) {
    char *line = NULL;
    size_t size = 0;
    int all = 0, failed = 0;
    for (;;) {
        dnx_err one = {0};
        printf("Enter Image Path: ");
        fflush(stdout);
        if (getline(&line, &size, stdin) < 0) break;
        char *path = dnx_trim(line);
        if (!*path) continue;
        all++;
        if (!predict(m, path, names, top, index, &one)) continue;
        fprintf(stderr, "%s\n", one.text);
        failed++;
    }
    free(line);
    if (!failed) return DNX_OK;
    return dnx_fail_at(err, DNX_EIO, "standard input", "%d of %d %s failed", failed, all,
                       dnx_plural((size_t)all, "image", "images"));
}

static dnx_status predict_all(model *m, const char *image, const dnx_labels *names, int top,
                              dnx_err *err) {
    int *index = calloc((size_t)top, sizeof *index);
    if (!index) return dnx_no_memory(m->net->file, err);
    dnx_status st = image ? predict(m, image, names, top, index, err)
                          : predict_lines(m, names, top, index, err);
    free(index);
    return st;
}

/* Finds NAME.names beside the weights NAME.weights or NAME-best.weights, or returns false. */
static bool find_kept_names(const char *weights, char *path, size_t size) {
    static const char *const ends[] = {"-best.weights", ".weights"};
    for (size_t i = 0, n = strlen(weights); i < 2; i++) {
        size_t end = strlen(ends[i]);
        if (n <= end || strcmp(weights + n - end, ends[i])) continue;
        if (snprintf(path, size, "%.*s.names", (int)(n - end), weights) < (int)size &&
            !access(path, R_OK))
            return true;
    }
    return false;
}

static dnx_status read_names(const class_args *a, const dnx_data_opts *o, int classes,
                             dnx_labels *names, dnx_err *err) {
    char kept[4096];
    const char *file = a->names ? a->names : o->names ? o->names : o->labels;
    if (!file && find_kept_names(a->weights, kept, sizeof kept)) file = kept;
    if (!file) return dnx_fail_at(err, DNX_EOPTION, a->data, "[data] needs names= or labels=");
    dnx_status st = dnx_labels_read(file, classes, names, err);
    if (!st && names->n < classes)
        st = dnx_fail_at(err, DNX_EOPTION, file, "has %d %s, but the network has %d classes",
                         names->n, dnx_plural((size_t)names->n, "name", "names"), classes);
    return st;
}

static int run_predict(const void *args, dnx_err *err) {
    const class_args *a = args;
    dnx_data_opts o;
    dnx_labels names = {0};
    model m = {0};
    dnx_status st = dnx_datafile_read(a->data, &o, err);
    if (!st) st = open_model(a, o.classes, 1, &m, err);
    int top = a->top ? a->top : o.top;
    if (!st) st = read_names(a, &o, m.classes, &names, err);
    if (!st) st = check_top(a, top, m.classes, err);
    if (!st) st = predict_all(&m, a->image, &names, top, err);
    dnx_labels_free(&names);
    dnx_datafile_free(&o);
    close_model(&m);
    return st != DNX_OK;
}

/* ---- valid ---- */

typedef struct {
    const dnx_data *data;
    model *m;
    size_t first;
    int count;
    dnx_err *errors; /* one for each thread */
} job;

static void load_one(void *arg, int t, long i) {
    job *j = arg;
    const size_t at = j->first + (size_t)i;
    char name[4096];
    const char *why;
    size_t len;
    dnx_image image;
    if (j->errors[t].status) return;
    dnx_data_name(j->data, at, name, sizeof name);
    unsigned char *bytes = dnx_data_bytes(j->data, at, &len, &why);
    dnx_image_fault fault = DNX_IMAGE_UNREAD;
    if (bytes) fault = dnx_image_decode(bytes, len, &image);
    else if (strcmp(why, DNX_UNREAD)) {
        fault = DNX_IMAGE_REFUSED;
        image.why = why;
    }
    load(j->m->net, name, fault, &image, dnx_image_center,
         j->m->x + (size_t)i * dnx_size(j->m->net->in), &j->errors[t]);
    free(bytes);
}

/* Prints the same lines as Darknet's own command. right: numbers of top-1 and top-`top` hits so
 * far, which this function increases. */
static void score(const job *j, int top, int *index, size_t right[2]) {
    for (int b = 0; b < j->count; b++) {
        size_t i = j->first + (size_t)b;
        const float *p = j->m->p + (size_t)b * (size_t)j->m->classes;
        int class_of = j->data->class_of[i];
        char name[4096];
        dnx_data_name(j->data, i, name, sizeof name);
        find_top(p, j->data->o.classes, top, index);
        right[0] += index[0] == class_of;
        for (int k = 0; k < top; k++) right[1] += index[k] == class_of;
        double seen = (double)(i + 1);
        printf("%s, %d, %f, %f, \n", name, class_of, (double)p[0],
               j->m->classes > 1 ? (double)p[1] : 0.);
        printf("%zu: top 1: %f, top %d: %f\n", i, (double)right[0] / seen, top,
               (double)right[1] / seen);
    }
}

static dnx_status validate(const dnx_data *data, model *m, dnx_err *err) {
    job j = {.data = data, .m = m};
    char name[4096];
    int threads = dnx_pool_threads(m->net->pool);
    int *index = calloc((size_t)data->o.top, sizeof *index);
    j.errors = calloc((size_t)threads, sizeof *j.errors);
    size_t right[2] = {0, 0};
    dnx_status st = DNX_OK;
    if (!index || !j.errors) st = dnx_no_memory(data->file, err);
    for (j.first = 0; !st && j.first < data->n; j.first += (size_t)j.count) {
        size_t left = data->n - j.first;
        j.count = left < (size_t)m->net->batch ? (int)left : m->net->batch;
        dnx_pool_each(m->net->pool, j.count, load_one, &j);
        if ((st = dnx_first_error(j.errors, threads, err))) break;
        dnx_data_name(data, j.first, name, sizeof name);
        st = classify(m, j.count, name, err);
        if (!st) score(&j, data->o.top, index, right);
    }
    free(index);
    free(j.errors);
    return st;
}

static int run_valid(const void *args, dnx_err *err) {
    const class_args *a = args;
    dnx_data *data;
    model m = {0};
    dnx_status st = dnx_data_open_valid(a->data, dnx_print_skipped, NULL, &data, err);
    if (st) return 1;
    st = open_model(a, data->o.classes, a->batch, &m, err);
    if (!st && data->o.classes > m.classes)
        st = dnx_fail_at(err, DNX_EOPTION, a->data, "[data] classes=%d: the network has only %d",
                         data->o.classes, m.classes);
    if (!st) st = check_top(a, data->o.top, data->o.classes, err);
    if (!st) st = validate(data, &m, err);
    dnx_data_close(data);
    close_model(&m);
    return st != DNX_OK;
}

const dnx_verb dnx_classifier_predict = {"classifier predict",
                                         "print the most likely classes of an image", predict_table,
                                         sizeof(class_args), run_predict};
const dnx_verb dnx_classifier_valid = {
    "classifier valid",
    "count the images of valid= in the data file whose class is right",
    valid_table,
    sizeof(class_args),
    run_valid,
    "valid= names what train= can name: folders, lists or .rec files. A folder of identities needs "
    "a "
    "folder for each class, because its rank is the number of the class."};
