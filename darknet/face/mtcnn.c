/* mtcnn.c - P-Net proposes windows; R-Net and O-Net reject most of them; O-Net gives the points. */
#include "face/mtcnn.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/paths.h"
#include "face/boxes.h"
#include "face/pyramid.h"
#include "face/shrunk.h"
#include "kernels/pool.h"
#include "net/net.h"
#include "net/weights.h"

enum { P, R, O, NETS, BATCH = 64 }; /* R-Net and O-Net take BATCH windows at a time */
static const struct {
    const char *name;
    int side, outputs;
    double threshold;
} nets[NETS] = {{"mtcnn-p", 12, 6, .6}, {"mtcnn-r", 24, 6, .7}, {"mtcnn-o", 48, 16, .7}};

struct dnx_mtcnn {
    dnx_net *net[NETS];
    uint64_t checksum;
    dnx_shrunk image;
    dnx_pyramid pyramid;
    dnx_boxes boxes;
    float *pages, *maps;        /* pages: P-Net's inputs (pyramid.h); maps: P-Net's outputs */
    size_t page_room, map_room; /* allocated floats of pages and maps */
    float *windows, *out;       /* pixels and outputs of BATCH windows */
    dnx_found *faces;
    dnx_mtcnn_times times;
    int stage;
    size_t first; /* index of the first box in the current batch */
};

/* ---- opening ---- */

static char *default_folder(void) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache) return dnx_path_join(cache, "thinface/mtcnn");
    return home && *home ? dnx_path_join(home, ".cache/thinface/mtcnn") : NULL;
}

static dnx_status open_net(dnx_mtcnn *m, int i, const char *cfg, const char *weights, int threads,
                           dnx_err *err) {
    dnx_cfg *sections;
    dnx_status st = dnx_cfg_read(cfg, &sections, err);
    if (st) return st;
    /* P-Net's batch has one page for each thread, so a page stays in the cache of its thread. */
    const dnx_build how = {.batch = i == P ? threads : BATCH,
                           .threads = threads,
                           .keeps_no_weights = i != P,
                           .is_blank = true};
    st = dnx_net_build(sections, &how, &m->net[i], err);
    dnx_cfg_free(sections);
    if (st) return st;
    const dnx_net *net = m->net[i];
    if (net->in.h != nets[i].side || net->in.w != nets[i].side || net->in.c != 3 ||
        dnx_size(net->nodes[net->n - 1].out) != (size_t)nets[i].outputs)
        return dnx_fail_at(err, DNX_ESHAPE, cfg, "must take %d x %d x 3 and give %d numbers",
                           nets[i].side, nets[i].side, nets[i].outputs);
    return dnx_weights_load(m->net[i], weights, err);
}

static dnx_status open_one(dnx_mtcnn *m, int i, const char *folder, int threads, dnx_err *err) {
    char cfg[32], weights[32];
    snprintf(cfg, sizeof cfg, "%s.cfg", nets[i].name);
    snprintf(weights, sizeof weights, "%s.weights", nets[i].name);
    char *c = dnx_path_join(folder, cfg), *w = dnx_path_join(folder, weights);
    dnx_status st = DNX_OK;
    if (!c || !w) st = dnx_no_memory(folder, err);
    else if (access(c, R_OK) || access(w, R_OK))
        st = dnx_fail_at(err, DNX_EIO, access(c, R_OK) ? c : w,
                         "%s; `make faces-deps` installs the face detector", strerror(errno));
    else st = open_net(m, i, c, w, threads, err);
    if (!st && (!dnx_hash_file(c, &m->checksum) || !dnx_hash_file(w, &m->checksum)))
        st = dnx_fail_at(err, DNX_EIO, w, "cannot read: %s", strerror(errno));
    free(c);
    free(w);
    return st;
}

dnx_status dnx_mtcnn_open(const char *folder, int threads, dnx_mtcnn **out, dnx_err *err) {
    dnx_mtcnn *m = calloc(1, sizeof *m);
    char *path = folder ? strdup(folder) : default_folder();
    dnx_status st = DNX_OK;
    *out = NULL;
    if (m && !path && !folder)
        st = dnx_fail_at(err, DNX_EIO, NULL,
                         "neither XDG_CACHE_HOME nor HOME is set: name the folder of the face "
                         "detector by -mtcnn");
    else if (!m || !path) st = dnx_no_memory(NULL, err);
    for (int i = 0; !st && i < NETS; i++) st = open_one(m, i, path, threads, err);
    if (!st) {
        m->windows = dnx_alloc((size_t)BATCH * 48 * 48 * 3);
        m->out = dnx_alloc((size_t)BATCH * 16);
        if (!m->windows || !m->out) st = dnx_no_memory(NULL, err);
    }
    free(path);
    if (st) dnx_mtcnn_close(m);
    else *out = m;
    return st;
}

void dnx_mtcnn_close(dnx_mtcnn *m) {
    if (!m) return;
    for (int i = 0; i < NETS; i++) dnx_net_free(m->net[i]);
    dnx_shrunk_free(&m->image);
    dnx_pyramid_free(&m->pyramid);
    dnx_boxes_free(&m->boxes);
    dnx_free(m->pages);
    dnx_free(m->maps);
    dnx_free(m->windows);
    dnx_free(m->out);
    free(m->faces);
    free(m);
}

const dnx_shrunk *dnx_mtcnn_image(const dnx_mtcnn *m) { return &m->image; }
const dnx_mtcnn_times *dnx_mtcnn_timed(const dnx_mtcnn *m) { return &m->times; }
uint64_t dnx_mtcnn_checksum(const dnx_mtcnn *m) { return m->checksum; }

void dnx_mtcnn_times_add(dnx_mtcnn_times *sum, const dnx_mtcnn_times *t) {
    sum->shrink += t->shrink, sum->proposals += t->proposals;
    sum->refine += t->refine, sum->output += t->output;
    for (int k = 0; k < 2; k++) sum->windows[k] += t->windows[k];
    sum->pages += t->pages;
    if (t->page_w * t->page_h > sum->page_w * sum->page_h)
        sum->page_w = t->page_w, sum->page_h = t->page_h;
}

static dnx_status no_memory(dnx_err *err) {
    return dnx_fail_at(err, DNX_EMEM, NULL, "no memory for finding faces");
}

static bool make_room(float **p, size_t *capacity, size_t count) {
    if (count <= *capacity) return true;
    dnx_free(*p);
    *p = dnx_alloc(count);
    *capacity = *p ? count : 0;
    return *p;
}

/* Returns the probability of a face from two logits: y[0] for "not a face", y[1] for "a face". */
static double probability(const float *y) { return 1 / (1 + exp((double)y[0] - (double)y[1])); }

/* ---- P-Net ---- */

static void draw_piece(void *arg, int t, long i) {
    (void)t;
    dnx_mtcnn *m = arg;
    const dnx_pyramid *p = &m->pyramid;
    const dnx_piece *piece = &p->piece[i];
    const double by = 1 / piece->scale;
    const size_t ld = (size_t)p->page_w * 3;
    float *page = m->pages + (size_t)piece->page * (size_t)p->page_h * ld;
    const dnx_rectangle r = {piece->left * by, piece->top * by, piece->w * by, piece->h * by};
    dnx_shrunk_piece(&m->image, r, piece->w, piece->h,
                     page + (size_t)piece->y * ld + 3 * (size_t)piece->x, ld);
}

/* Adds a box for each window of a piece whose score reaches P-Net's threshold. */
static bool propose(dnx_mtcnn *m, const dnx_piece *piece) {
    const dnx_net *net = m->net[P];
    const dnx_shape out = net->nodes[net->n - 1].out;
    const float *map = m->maps + (size_t)piece->page * dnx_size(out);
    const float logit = (float)log(nets[P].threshold / (1 - nets[P].threshold));
    for (int y = 0; 2 * y + DNX_CELL <= piece->h; y++)
        for (int x = 0; 2 * x + DNX_CELL <= piece->w; x++) {
            const float *v =
                map + ((size_t)(piece->y / 2 + y) * (size_t)out.w + (size_t)(piece->x / 2 + x)) * 6;
            if (!(v[1] - v[0] >= logit)) continue;
            const int left = piece->left + 2 * x, top = piece->top + 2 * y;
            dnx_box b = {.x1 = trunc((left + 1) / piece->scale),
                         .y1 = trunc((top + 1) / piece->scale),
                         .x2 = trunc((left + DNX_CELL) / piece->scale),
                         .y2 = trunc((top + DNX_CELL) / piece->scale),
                         .score = probability(v)};
            for (int k = 0; k < 4; k++) b.shift[k] = (double)v[2 + k];
            if (!dnx_boxes_add(&m->boxes, &b)) return false;
        }
    return true;
}

static dnx_status run_pages(dnx_mtcnn *m, dnx_err *err) {
    dnx_net *net = m->net[P];
    dnx_pyramid *p = &m->pyramid;
    dnx_status st = dnx_net_resize(net, p->page_h, p->page_w, err);
    if (st) return st;
    const size_t page = dnx_size(net->in), map = dnx_size(net->nodes[net->n - 1].out);
    if (!make_room(&m->pages, &m->page_room, page * (size_t)p->pages) ||
        !make_room(&m->maps, &m->map_room, map * (size_t)p->pages))
        return no_memory(err);
    dnx_pool_each(net->pool, p->n, draw_piece, m);
    dnx_net_run(net, m->pages, p->pages, net->n - 1, m->maps);
    return DNX_OK;
}

static dnx_status find_proposals(dnx_mtcnn *m, const dnx_image *image, double least, dnx_err *err) {
    dnx_pyramid *p = &m->pyramid;
    size_t first = 0;
    m->boxes.n = 0;
    if (!dnx_pyramid_plan(p, image->w, image->h, least)) return no_memory(err);
    if (!p->n) return DNX_OK;
    dnx_status st = run_pages(m, err);
    for (int i = 0; !st && i < p->n; i++) {
        if (!propose(m, &p->piece[i])) st = no_memory(err);
        if (i + 1 < p->n && p->piece[i + 1].level == p->piece[i].level) continue;
        dnx_boxes_suppress(&m->boxes, first, .5, DNX_BY_UNION); /* suppresses boxes of one scale */
        first = m->boxes.n;
    }
    dnx_boxes_suppress(&m->boxes, 0, .7, DNX_BY_UNION);
    for (size_t i = 0; i < m->boxes.n; i++) {
        dnx_box_calibrate(&m->boxes.box[i], 0);
        dnx_box_square(&m->boxes.box[i]);
    }
    return st;
}

/* ---- R-Net and O-Net ---- */

static void cut_window(void *arg, int t, long i) {
    (void)t;
    dnx_mtcnn *m = arg;
    const dnx_box *b = &m->boxes.box[m->first + (size_t)i];
    const int side = nets[m->stage].side;
    const dnx_rectangle r = {b->x1 - 1, b->y1 - 1, b->x2 - b->x1 + 1, b->y2 - b->y1 + 1};
    dnx_shrunk_piece(&m->image, r, side, side, m->windows + (size_t)i * (size_t)(side * side * 3),
                     (size_t)side * 3);
}

/* Returns false for a box outside the image, and for a box without area. Calibration can make such
 * boxes, because it moves each side alone. */
static bool is_real(const dnx_mtcnn *m, const dnx_box *b) {
    return b->x2 > b->x1 && b->y2 > b->y1 && b->x2 > 0 && b->y2 > 0 &&
           b->x1 <= m->image.half[0].w && b->y1 <= m->image.half[0].h;
}

/* Scores the boxes with R-Net or O-Net (stage R or O). Keeps the boxes whose score is above the
 * threshold of this network. */
static void judge(dnx_mtcnn *m, int stage) {
    dnx_net *net = m->net[stage];
    dnx_boxes *l = &m->boxes;
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < l->n; i++)
        if (is_real(m, &l->box[i])) l->box[n++] = l->box[i];
    l->n = n;
    m->stage = stage;
    for (m->first = 0; m->first < n; m->first += BATCH) {
        const size_t count = n - m->first < BATCH ? n - m->first : BATCH;
        dnx_pool_each(net->pool, (long)count, cut_window, m);
        dnx_net_run(net, m->windows, (int)count, net->n - 1, m->out);
        for (size_t i = 0; i < count; i++) {
            const float *y = m->out + i * (size_t)nets[stage].outputs;
            dnx_box b = l->box[m->first + i];
            b.score = probability(y);
            if (!(b.score > nets[stage].threshold)) continue;
            for (int k = 0; k < 4; k++) b.shift[k] = (double)y[2 + k];
            for (int k = 0; stage == O && k < 10; k++) b.point[k] = (double)y[6 + k];
            l->box[kept++] = b;
        }
    }
    l->n = kept;
}

static void refine(dnx_mtcnn *m) {
    judge(m, R);
    dnx_boxes_suppress(&m->boxes, 0, .7, DNX_BY_UNION);
    for (size_t i = 0; i < m->boxes.n; i++) {
        dnx_box_calibrate(&m->boxes.box[i], 1);
        dnx_box_square(&m->boxes.box[i]);
    }
}

/* Scores the boxes with O-Net. O-Net's points are relative to the box before calibration, so they
 * are converted to pixels before the box is calibrated. */
static void find_points(dnx_mtcnn *m) {
    judge(m, O);
    for (size_t i = 0; i < m->boxes.n; i++) {
        dnx_box *b = &m->boxes.box[i];
        for (int k = 0; k < DNX_POINTS; k++) {
            b->point[k] = b->x1 + (b->x2 - b->x1 + 1) * b->point[k];
            b->point[k + 5] = b->y1 + (b->y2 - b->y1 + 1) * b->point[k + 5];
        }
        dnx_box_calibrate(b, 1);
    }
    dnx_boxes_suppress(&m->boxes, 0, .7, DNX_BY_SMALLER_BOX);
}

static dnx_status list_faces(dnx_mtcnn *m, dnx_err *err) {
    free(m->faces);
    m->faces = malloc((m->boxes.n + 1) * sizeof *m->faces);
    if (!m->faces) return no_memory(err);
    for (size_t i = 0; i < m->boxes.n; i++) {
        const dnx_box *b = &m->boxes.box[i];
        m->faces[i] = (dnx_found){b->x1 - 1, b->y1 - 1,
                                  b->x2 - 1, b->y2 - 1,
                                  b->score,  {.size = (b->x2 - b->x1) * (b->y2 - b->y1)}};
        for (int k = 0; k < DNX_POINTS; k++) {
            m->faces[i].points.x[k] = b->point[k] - 1;
            m->faces[i].points.y[k] = b->point[k + 5] - 1;
        }
    }
    return DNX_OK;
}

dnx_status dnx_mtcnn_find(dnx_mtcnn *m, const dnx_image *image, double least,
                          const dnx_found **faces, size_t *n, dnx_err *err) {
    double at[5] = {dnx_now()};
    *n = 0;
    dnx_shrunk_free(&m->image);
    dnx_status st = dnx_shrunk_make(&m->image, image) ? DNX_OK : no_memory(err);
    at[1] = dnx_now();
    if (!st) st = find_proposals(m, image, least, err);
    at[2] = dnx_now();
    const long proposed = (long)m->boxes.n;
    if (!st) refine(m);
    at[3] = dnx_now();
    const long refined = (long)m->boxes.n;
    if (!st) find_points(m);
    if (!st) st = list_faces(m, err);
    at[4] = dnx_now();
    const dnx_pyramid *p = &m->pyramid;
    m->times = (dnx_mtcnn_times){
        at[1] - at[0],       at[2] - at[1],       at[3] - at[2], at[4] - at[3],
        {proposed, refined}, p->n ? p->pages : 0, p->page_w,     p->page_h};
    if (st) return st;
    *faces = m->faces;
    *n = m->boxes.n;
    return DNX_OK;
}
