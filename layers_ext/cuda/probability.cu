/* probability.cu - distillation of class probabilities. layers_ext/kd_probability.c and
 * common/face/leading.h have the formulas and papers. The loss is a small difference of large
 * numbers, so exponentials and sums are double. */
#include "cuda/block.h"
#include "cuda/real.h"

DEVICE float logit_of(const struct dnx_cuda_logits *side, float scale, long b, int k) {
    const float v = side->z[b * side->ld + k];
    return !side->is_cosine ? v : scale * (side->by_length ? v : limit(v));
}

/* Returns a logit for ranking the classes: NaN counts as -infinity. */
DEVICE float ranked(const struct leading_args *a, long b, int k) {
    const float z = logit_of(&a->side, *a->scale, b, k);
    return z == z ? z : -(float)real_infinity();
}

/* norm[b] = log sum_k e^(z_bk), where z_bk is the logit of class k for image b. */
KERNEL(leading_norm) {
    double top = -real_infinity(), sum = 0;
    for (int k = THREAD; k < a.N; k += THREADS) {
        const double z = (double)ranked(&a, BLOCK_X, k);
        if (z > top) top = z;
    }
    top = block_max(top);
    for (int k = THREAD; k < a.N; k += THREADS)
        sum += real_exp((double)ranked(&a, BLOCK_X, k) - top);
    sum = block_sum(sum);
    if (THREAD == 0) a.norm[BLOCK_X] = top + real_log(sum);
}

/* mass[k] = the sum of the probabilities of class k over the images. */
KERNEL(leading_mass) {
    for (long k = INDEX; k < a.N; k += STEP) {
        double sum = 0;
        for (int b = 0; b < a.batch; b++)
            sum += real_exp((double)ranked(&a, b, (int)k) - a.norm[b]);
        a.mass[k] = sum;
    }
}

DEVICE double mass_from(const struct leading_args *a, double least, bool above) {
    double sum = 0;
    for (int k = THREAD; k < a->N; k += THREADS)
        if (above ? a->mass[k] > least : a->mass[k] >= least) sum += a->mass[k];
    return block_sum(sum);
}

/* count = the smallest number of classes that together have `share` of all mass. A binary search
 * over the bits of doubles finds the smallest mass among these classes. */
KERNEL(leading_count) {
    const double target = a.share * mass_from(&a, 0, false);
    unsigned long long lo = 0, hi = 0x7ff0000000000000ull;
    real_bits m;
    double more = 0;
    while (hi - lo > 1) {
        m.bits = lo + (hi - lo) / 2;
        if (mass_from(&a, m.value, false) >= target) lo = m.bits;
        else hi = m.bits;
    }
    m.bits = lo;
    const double held = mass_from(&a, m.value, true);
    for (int k = THREAD; k < a.N; k += THREADS) more += a.mass[k] > m.value;
    more = block_sum(more);
    if (THREAD) return;
    const double equal = m.value > 0 ? (target - held) / m.value : 1;
    const double part = real_floor(equal), whole = part < equal ? part + 1 : part;
    const double n = more + (whole < 1 ? 1 : whole);
    *a.count = target == target && n < a.N ? (int)n : a.N;
}

/* Map floats to unsigned integers of the same order, and back. */
DEVICE unsigned order_of(float z) {
    union {
        float value;
        unsigned bits;
    } u;
    u.value = z;
    return u.bits >> 31 ? ~u.bits : u.bits | 0x80000000u;
}
DEVICE float from_order(unsigned key) {
    union {
        float value;
        unsigned bits;
    } u;
    u.bits = key >> 31 ? key & 0x7fffffffu : ~key;
    return u.value;
}

/* least[b] = the *a.count-th largest logit of image b, found bit by bit. The logit of the image's
 * class counts as the largest. */
KERNEL(leading_least) {
    const int y = a.label[BLOCK_X];
    unsigned key = 0;
    for (unsigned bit = 0x80000000u; bit; bit >>= 1) {
        double n = 0;
        for (int k = THREAD; k < a.N; k += THREADS)
            n += k == y || order_of(ranked(&a, BLOCK_X, k)) >= (key | bit);
        if (block_sum(n) >= *a.count) key |= bit;
    }
    if (THREAD == 0) a.least[BLOCK_X] = from_order(key);
}

/* Returns 0 for a leading class, 1 for any other class. Without groups all classes are leading. */
DEVICE int group_of(const struct probability_args *a, long b, int k, float zs, float zt) {
    if (!a->least) return 0;
    return !((a->by_student ? zs : zt) >= a->least[b] || a->label[b] == k);
}

/* The numbers that probability_loss stores for each group of an image. z_S and z_T are the logits
 * of student and teacher, T is the temperature:
 *
 *   TOP_S, TOP_T  the largest z_S and the largest z_T
 *   SUM_S, SUM_T  the sum of e^((z_S - TOP_S)/T) and the sum of e^((z_T - TOP_T)/T)
 *   APART         the sum of e^((z_T - TOP_T)/T) (z_T - z_S)/T
 *
 * An image has 2 SUMS + 1 numbers: those of group 0, those of group 1 (not set without groups),
 * then m_T - m_S. m_S and m_T are the sums of the probabilities of the leading classes; without
 * groups, 0 is stored for m_T - m_S. */
enum { TOP_S, SUM_S, TOP_T, SUM_T, APART, SUMS };

/* Returns KL(q_T || q_S) for a group of classes. q_T and q_S are the probabilities of teacher and
 * student within the group, u its stored numbers. */
DEVICE double within(const double *u, double T) {
    return u[APART] / u[SUM_T] + (u[TOP_S] - u[TOP_T]) / T + real_log(u[SUM_S] / u[SUM_T]);
}
/* Returns log sum e^(z/T) over the other classes minus log sum e^(z/T) over the leading classes.
 * z are the student's logits if top is TOP_S, the teacher's if top is TOP_T. */
DEVICE double ahead(const double *of, double T, int top) {
    const double *g = of, *r = of + SUMS;
    return (r[top] - g[top]) / T + real_log(r[top + 1]) - real_log(g[top + 1]);
}
/* Returns KL((m_T, 1 - m_T) || (m_S, 1 - m_S)) with m = 1 / (1 + e^ahead()). s and t are ahead() of
 * the student and of the teacher. */
DEVICE double between(double s, double t) {
    const double m = real_exp(-real_softplus(t)), rest = real_exp(-real_softplus(-t));
    return m * (real_softplus(s) - real_softplus(t)) +
           (rest > 0 ? rest * (real_softplus(-s) - real_softplus(-t)) : 0);
}

KERNEL(probability_loss) {
    const long b = BLOCK_X;
    const double T = a.temperature;
    double *out = a.sums + b * (2 * SUMS + 1);
    for (int g = 0; g < (a.least ? 2 : 1); g++) {
        double top_s = -real_infinity(), top_t = top_s, sum_s = 0, sum_t = 0, apart = 0;
        for (int k = THREAD; k < a.N; k += THREADS) {
            const float zs = logit_of(&a.student, a.now->scale, b, k);
            const float zt = logit_of(&a.teacher, a.now->scale_of_teacher, b, k);
            if (group_of(&a, b, k, zs, zt) != g) continue;
            if ((double)zs > top_s) top_s = (double)zs;
            if ((double)zt > top_t) top_t = (double)zt;
        }
        top_s = block_max(top_s);
        top_t = block_max(top_t);
        for (int k = THREAD; k < a.N; k += THREADS) {
            const float zs = logit_of(&a.student, a.now->scale, b, k);
            const float zt = logit_of(&a.teacher, a.now->scale_of_teacher, b, k);
            if (group_of(&a, b, k, zs, zt) != g) continue;
            const double e = real_exp(((double)zt - top_t) / T);
            sum_t += e;
            apart += e * ((double)zt - (double)zs) / T;
            sum_s += real_exp(((double)zs - top_s) / T);
        }
        sum_s = block_sum(sum_s);
        sum_t = block_sum(sum_t);
        apart = block_sum(apart);
        if (THREAD) continue;
        out[g * SUMS + TOP_S] = top_s;
        out[g * SUMS + SUM_S] = sum_s;
        out[g * SUMS + TOP_T] = top_t;
        out[g * SUMS + SUM_T] = sum_t;
        out[g * SUMS + APART] = apart;
    }
    if (THREAD) return;
    double kl = within(out, T), outer = 0;
    if (a.has_groups) {
        const double s = a.least ? ahead(out, T, TOP_S) : -real_infinity();
        const double t = a.least ? ahead(out, T, TOP_T) : -real_infinity();
        kl = a.between * between(s, t) + a.within * kl;
        outer = real_exp(-real_softplus(t)) - real_exp(-real_softplus(s));
    }
    out[2 * SUMS] = outer;
    a.losses[b] = a.now->weight * T * T * kl;
    a.y[b] = (float)a.losses[b];
}

/* a.dz may be the memory of a.student.z: a thread reads z[i] before it writes dz[i]. */
KERNEL(probability_slopes) {
    const double T = a.temperature, weight = a.now->weight * T;
    const long count = (long)a.batch * a.ld;
    for (long i = INDEX; i < count; i += STEP) {
        const long b = i / a.ld;
        const int k = (int)(i % a.ld);
        float d = 0;
        if (k < a.N) {
            const float zs = logit_of(&a.student, a.now->scale, b, k);
            const float zt = logit_of(&a.teacher, a.now->scale_of_teacher, b, k);
            const int g = group_of(&a, b, k, zs, zt);
            const double *of = a.sums + b * (2 * SUMS + 1), *u = of + g * SUMS;
            const double outer = a.has_groups ? weight * a.between * of[2 * SUMS] : 0;
            const double inner = weight * (a.has_groups ? a.within : 1);
            const double q_s = real_exp(((double)zs - u[TOP_S]) / T) / u[SUM_S];
            const double q_t = g ? 0 : real_exp(((double)zt - u[TOP_T]) / T) / u[SUM_T];
            d = (float)(g ? -outer * q_s : outer * q_s + inner * (q_t - q_s));
            if (a.student.is_cosine) d *= a.now->scale;
        }
        a.dz[i] = d + (a.adds ? a.dz[i] : 0);
    }
}
