/* layer_bench.h - makes a single layer with random inputs and parameters, without a network. */
#include "layer/classifier.h"
#include "lib/node.h"
#include "net/build.h"

enum {
    SEPARATE = 1, /* all inputs are at least .05 from integers, where a derivative may jump */
    TOGETHER = 2, /* the output of an image depends on the other images of the batch */
    /* A layer that computes sign() has only an estimate of its gradient (straight-through), which
     * finite differences cannot check. ESTIMATED: do not check the gradient of the weights. SIGNS:
     * nor the gradients of the values that come before the signs. */
    ESTIMATED = 4,
    SIGNS = 8,
    NO_TEACHER = 16
};
typedef struct {
    const char *name, *type, *text;
    int B, H, W, C;
    double tol;
    int flags;
    dnx_shape second;   /* shape of input 1 or of the teacher's output; 0: that of input 0 */
    double loss_factor; /* the layer's gradient is this times the loss's derivative; 0 means 1 */
} row;

typedef struct {
    dnx_node n;
    dnx_pass p;
    dnx_distillation distillation;
    float *x[DNX_MAX_IN], *dx[DNX_MAX_IN], *y, *dy, *weight, *truth, *target;
    bool has_loss;
} bench;

static inline void close_bench(bench *b) {
    shut_node(&b->n);
    dnx_pool_free(b->n.pool);
    for (int i = 0; i < b->n.n_in; i++) dnx_free(b->x[i]), dnx_free(b->dx[i]);
    dnx_free(b->y), dnx_free(b->dy), dnx_free(b->weight), dnx_free(b->truth);
    dnx_free(b->target);
    dnx_free(b->p.scratch);
}

/* Sets the shapes of the tested layer's inputs as if it were layer 5 of a network. The output of
 * layer 4 has the shape H x W x C of the row, the outputs of layers 0 to 3 the shape `second`. */
enum { BENCH_INDEX = 5 };
static inline dnx_status bench_inputs(bench *b, const row *r, dnx_err *err) {
    dnx_node *n = &b->n, before[BENCH_INDEX + 1] = {{0}};
    dnx_shape first = {r->H, r->W, r->C};
    for (int i = 0; i < BENCH_INDEX; i++) {
        before[i].type = n->type;
        before[i].out = i < BENCH_INDEX - 1 && r->second.h ? r->second : first;
    }
    if (dnx_target_of(n->type)) {
        if (!(r->flags & NO_TEACHER)) b->distillation.target = r->second.h ? r->second : first;
        n->from[n->n_in] = BENCH_INDEX - 1;
        n->in[n->n_in++] = first;
        return DNX_OK;
    }
    dnx_net net = {.in = first, .nodes = before};
    return dnx_net_inputs(&net, n, NULL, err);
}

static inline dnx_status open_bench(bench *b, const row *r, int batch, bool trains, int threads,
                                    dnx_err *err) {
    memset(b, 0, sizeof *b);
    dnx_node *n = &b->n;
    *n = (dnx_node){.loc = {"row", 1},
                    .index = BENCH_INDEX,
                    .batch = batch,
                    .trains = trains,
                    .seed = 7,
                    .pool = dnx_pool_new(threads)};
    n->distillation = &b->distillation;
    dnx_status st = parse_node(n, r->type, r->text, err);
    if (!st) st = bench_inputs(b, r, err);
    if (!st) st = make_node(n, err);
    if (st) return st;

    size_t B = (size_t)batch;
    dnx_rng g;
    dnx_rng_seed(&g, 11, 0);
    for (int i = 0; i < n->n_in; i++) {
        size_t count = B * dnx_size(n->in[i]);
        b->x[i] = dnx_alloc(count);
        b->dx[i] = dnx_alloc(count);
        for (size_t k = 0; k < count; k++) b->x[i][k] = dnx_rng_normal(&g);
        if (r->flags & SEPARATE) /* each input gets a different multiple of .1, plus .05 */
            for (size_t k = 0; k < count; k++) {
                size_t o = (size_t)(dnx_rng_next(&g) % (k + 1));
                b->x[i][k] = b->x[i][o];
                b->x[i][o] = (float)((double)k - (double)(count / 2)) * .1f + .05f;
            }
        for (size_t k = 0; (r->flags & SEPARATE) && !strcmp(r->type, "activation") && k < count;
             k++)
            b->x[i][k] = fmodf(b->x[i][k], 9);
    }
    size_t count = B * dnx_size(n->out);
    b->y = dnx_alloc(count);
    b->dy = dnx_alloc(count);
    b->weight = dnx_alloc(count);
    for (size_t k = 0; k < count; k++) b->weight[k] = dnx_rng_normal(&g);
    b->truth = dnx_alloc(B);
    const char *given = strstr(r->text, "classes=");
    size_t classes = given ? (size_t)atoi(given + 8) : dnx_size(n->out);
    for (size_t k = 0; k < B; k++) b->truth[k] = (float)(dnx_rng_next(&g) % classes);
    size_t wanted = B * dnx_size(b->distillation.target);
    b->target = wanted ? dnx_alloc(wanted) : NULL;
    for (size_t k = 0; k < wanted; k++) b->target[k] = dnx_rng_normal(&g);
    b->has_loss = n->type->is_loss && !strstr(r->text, "noloss=1");
    b->p.scratch = dnx_alloc(n->scratch);
    dnx_param list[DNX_MAX_PARAMS];
    for (int i = 0, np = node_params(n, list); i < np; i++)
        for (size_t k = 0; k < list[i].count; k++)
            list[i].value[k] += .3f * (dnx_rng_uniform(&g) - (list[i].is_trained ? .5f : 0));
    return n->type->prepare ? n->type->prepare(n, err) : DNX_OK;
}

static inline void set_pass(bench *b, int batch, bool training) {
    dnx_pass *p = &b->p;
    float *scratch = p->scratch;
    memset(p, 0, sizeof *p);
    p->batch = batch;
    p->is_training = training;
    p->scratch = scratch;
    for (int i = 0; i < b->n.n_in; i++) p->x[i] = b->x[i];
    p->y = b->y;
    p->truth = b->has_loss ? b->truth : NULL;
    p->target = dnx_target_of(b->n.type) ? b->target : NULL;
}

/* Runs forward(). Returns the loss of a loss layer, else minus the dot product of b->weight and the
 * output y. Then b->weight is the gradient dy, as gradients are descent directions here. */
static inline double objective(bench *b, int batch, bool training) {
    set_pass(b, batch, training);
    if (b->n.scratch) memset(b->p.scratch, 0xff, sizeof(float) * b->n.scratch);
    b->n.type->forward(&b->n, &b->p);
    if (b->has_loss) return b->p.loss;
    double sum = 0;
    size_t count = (size_t)batch * dnx_size(b->n.out);
    for (size_t i = 0; i < count; i++) sum -= (double)b->weight[i] * (double)b->y[i];
    return sum;
}
