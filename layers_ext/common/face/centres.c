/* centres.c - see centres.h. One thread does the work, because a batch has few images. */
#include "common/face/centres.h"

#include <string.h>

#include "common/face/unit.h"

#define LEAST 1e-6

static dnx_status check_options(const dnx_centres *c, const dnx_node *n, dnx_err *err) {
    if (!c->has_margins) return DNX_OK;
    if (c->centres == DNX_CENTRES_TRAINED)
        return dnx_fail(err, DNX_EOPTION, n->loc,
                        "[%s] margins=teacher: needs centres=teacher or inherited, which it "
                        "compares with the teacher's features",
                        n->type->name);
    if (c->least > c->m)
        return dnx_fail(err, DNX_EOPTION, n->loc, "[%s] m_least=%g: is over m, which is %g",
                        n->type->name, c->least, c->m);
    return DNX_OK;
}

static dnx_status check_teacher(const dnx_centres *c, const dnx_node *n, dnx_err *err) {
    const dnx_distillation *d = n->distillation;
    const char *word = c->centres == DNX_CENTRES_TEACHER ? "teacher" : "inherited";
    if (c->centres == DNX_CENTRES_TRAINED || !d || !dnx_size(d->target)) return DNX_OK;
    const dnx_node *head = d->target_head;
    const dnx_classifier *of = head ? head->type->classifier : NULL;
    const bool inherits = c->centres == DNX_CENTRES_INHERITED;
    size_t length = dnx_size(d->target);
    if (inherits && !(of && of->vectors && of->vectors(head, &length)))
        return dnx_fail(
            err, DNX_EOPTION, n->loc,
            "[%s] centres=inherited: the teacher's classifier has no class vectors, as one "
            "over cosines has",
            n->type->name);
    if (length != c->D)
        return dnx_fail(
            err, DNX_ESHAPE, n->loc,
            "[%s] centres=%s: the teacher's embedding has %zu numbers, the student's %zu",
            n->type->name, word, length, c->D);
    if (inherits && of->classes(head) != c->N)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[%s] centres=inherited: the teacher has %d classes, the student %d",
                        n->type->name, of->classes(head), c->N);
    return DNX_OK;
}

dnx_status dnx_centres_make(dnx_centres *c, dnx_node *n, dnx_err *err) {
    const size_t B = (size_t)n->batch;
    dnx_status st = check_options(c, n, err);
    if (!st) st = check_teacher(c, n, err);
    if (st || !n->trains) return st;
    if (c->has_margins && !(c->m_of = dnx_new_array(n, B, sizeof *c->m_of, err))) return DNX_EMEM;
    if (c->centres != DNX_CENTRES_TEACHER) return DNX_OK;
    c->images = dnx_new_array(n, B, sizeof *c->images, err);
    return c->images ? dnx_new(n, &c->share, B, err) : DNX_EMEM;
}

void dnx_centres_inherit(dnx_centres *c, const dnx_node *n) {
    const dnx_node *head = n->distillation ? n->distillation->target_head : NULL;
    size_t length;
    if (c->centres != DNX_CENTRES_INHERITED || !n->trains || !head || c->is_started) return;
    const float *from = head->type->classifier->vectors(head, &length);
    memcpy(c->w, from, sizeof *from * (size_t)c->N * c->D);
}

/* Limits v to LEAST..1. NaN stays NaN. */
static double limited(double v) { return v < LEAST ? LEAST : v > 1 ? 1 : v; }

static double cosine(const float *a, const float *b, double b_inv, size_t D) {
    return dnx_kernels()->dot(a, b, D) * dnx_inverse_norm(a, D) * b_inv;
}

static double alpha(const dnx_centres *c, const float *x, const float *w, const float *t,
                    double t_inv) {
    if (c->alpha == DNX_ALPHA_FIXED) return c->fixed;
    double a = cosine(x, t, t_inv, c->D);
    return limited(c->alpha == DNX_ALPHA_CENTRE ? a * limited(cosine(w, t, t_inv, c->D)) : a);
}

/* Returns the centre of image b's class, or NULL when the class is unknown. */
static float *centre_of(const dnx_centres *c, const dnx_pass *p, int b) {
    return dnx_has_class(p, b, c->N) ? c->w + (size_t)p->truth[b] * c->D : NULL;
}

/* Moves w, the centre of a class, by the formula of centres.h. b is the first image of this class
 * in the batch. */
static void move(dnx_centres *c, const dnx_pass *p, int b, float *w) {
    const float y = p->truth[b];
    double keep = 0;
    int n = 0;
    for (; b < p->batch; b++) {
        if (p->truth[b] != y) continue;
        const float *t = p->target + (size_t)b * c->D;
        double inv = dnx_inverse_norm(t, c->D);
        if (inv == 0) continue;
        double a = alpha(c, p->x[0] + (size_t)b * c->D, w, t, inv);
        keep += a;
        c->share[n] = (float)((1 - a) * inv);
        c->images[n++] = b;
    }
    for (size_t k = 0; k < c->D && n; k++) {
        double sum = keep * (double)w[k];
        for (int i = 0; i < n; i++)
            sum += (double)c->share[i] * (double)p->target[(size_t)c->images[i] * c->D + k];
        w[k] = (float)(sum / n);
    }
}

static void follow(dnx_centres *c, const dnx_pass *p) {
    for (int b = 0; b < p->batch; b++) {
        float *w = centre_of(c, p, b);
        for (int i = 0; i < b && w; i++)
            if (p->truth[i] == p->truth[b]) w = NULL; /* image i has moved it */
        if (w) move(c, p, b, w);
    }
}

static void set_margins(dnx_centres *c, const dnx_pass *p) {
    double most = 0;
    for (int b = 0; b < p->batch; b++) {
        const float *w = centre_of(c, p, b), *t = p->target + (size_t)b * c->D;
        double near = w ? cosine(w, t, dnx_inverse_norm(t, c->D), c->D) : 0;
        c->m_of[b] = near < 0 ? 0 : near; /* NaN stays NaN */
        if (c->m_of[b] > most) most = c->m_of[b];
    }
    for (int b = 0; b < p->batch; b++)
        c->m_of[b] = c->least + (c->m - c->least) * (most > 0 ? c->m_of[b] / most : c->m_of[b]);
}

void dnx_centres_pass(dnx_centres *c, const dnx_node *n, const dnx_pass *p) {
    if (n->trains && p->is_training) c->is_started = true;
    for (int b = 0; c->m_of && b < p->batch; b++) c->m_of[b] = c->m;
    if (!n->trains || !p->is_training || !p->target) return;
    if (c->centres == DNX_CENTRES_TEACHER) follow(c, p);
    if (c->m_of) set_margins(c, p);
}
