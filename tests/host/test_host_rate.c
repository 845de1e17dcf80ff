/* test_host_rate.c - compares our learning rate with libdarknet's, bit for bit. Policies that
 * libdarknet lacks or computes wrongly are compared with their formula. */
#include <darknet.h>
#include <math.h>

#include "lib/tap.h"
#include "net/rate.h"

static void rate(bool ok, const char *name, size_t number, double got, double want) {
    check(ok, "%s, update %zu: %.9g, not %.9g", name, number, got, want);
}

static float host_rate(const dnx_net_opts *o, size_t number) {
    static int steps[DNX_MAX_LIST];
    static float scales[DNX_MAX_LIST];
    // clang-format off
    network n = {.batch = 4, .subdivisions = 2, .policy = (learning_rate_policy)o->policy,
                 .learning_rate = o->learning_rate, .gamma = o->gamma, .scale = o->scale,
                 .power = o->power, .step = o->step, .max_batches = o->max_batches,
                 .steps = steps, .scales = scales, .num_steps = o->steps.n,
                 .burn_in = o->burn_in};
    // clang-format on
    size_t seen = number * 8 + 3;
    n.seen = &seen;
    for (int i = 0; i < o->steps.n; i++) {
        steps[i] = (int)o->steps.v[i];
        scales[i] = o->scales.v[i];
    }
    return get_current_rate(&n);
}

static const dnx_net_opts defaults = {.learning_rate = .0123f,
                                      .gamma = .97f,
                                      .scale = .31f,
                                      .power = 3.7f,
                                      .step = 7,
                                      .max_batches = 100,
                                      .steps = {3, {5, 12, 40}},
                                      .scales = {3, {.1f, 3, .7f}}};

static void same_as_host(const char *name, dnx_net_opts o, size_t from, size_t to) {
    for (size_t i = from; i <= to; i++) {
        float got = dnx_rate(&o, i), want = host_rate(&o, i);
        rate(got == want, name, i, (double)got, (double)want);
    }
}

static void sigmoid_before_step(void) {
    dnx_net_opts o = defaults;
    o.policy = DNX_SIGMOID;
    for (int i = 0; i < o.step; i++) {
        double want = (double)o.learning_rate / (1 + exp((double)o.gamma * (i - o.step)));
        float got = dnx_rate(&o, (size_t)i);
        rate(fabs((double)got - want) < 1e-7 * want, "sigmoid", (size_t)i, (double)got, want);
    }
    rate(host_rate(&o, 0) == 0, "the host's sigmoid before step", 0, (double)host_rate(&o, 0), 0);
}

/* The mean of u^power for u uniform in 0..1 is 1 / (power + 1). */
static void random_is_drawn_from_the_seed(void) {
    dnx_net_opts o = defaults;
    o.policy = DNX_RANDOM;
    double sum = 0, want = (double)o.learning_rate / ((double)o.power + 1);
    for (size_t i = 0; i < 20000; i++) sum += (double)dnx_rate(&o, i);
    rate(fabs(sum / 20000 / want - 1) < .05, "random, mean", 0, sum / 20000, want);
    float first = dnx_rate(&o, 5);
    rate(first == dnx_rate(&o, 5), "random, asked twice", 5, (double)dnx_rate(&o, 5),
         (double)first);
    o.seed = 2;
    rate(first != dnx_rate(&o, 5), "random, another seed", 5, (double)dnx_rate(&o, 5), 0);
}

static void cosine(void) {
    dnx_net_opts o = defaults;
    o.policy = DNX_COSINE;
    o.burn_in = 20;
    for (int i = 0; i <= 120; i++) {
        double want = (double)o.learning_rate * (1 + cos(3.14159265358979 * (i - 20) / 80)) / 2;
        if (i < 20) want = (double)o.learning_rate * pow(i / 20., (double)o.power);
        if (i >= 100) want = 0;
        float got = dnx_rate(&o, (size_t)i);
        rate(fabs((double)got - want) <= 1e-7 * (double)o.learning_rate, "cosine", (size_t)i,
             (double)got, want);
    }
}

int main(void) {
    static const char *const names[] = {"constant", "step", "exp", "poly", "steps", "sigmoid"};
    for (int policy = DNX_CONSTANT; policy <= DNX_SIGMOID; policy++) {
        dnx_net_opts o = defaults;
        o.policy = policy;
        group("%s", names[policy]);
        same_as_host(names[policy], o, policy == DNX_SIGMOID ? (size_t)o.step : 0,
                     policy == DNX_POLY ? 100 : 300);
        o.burn_in = 30;
        same_as_host("burn_in", o, 0, 100);
    }
    group("beyond the host");
    dnx_net_opts poly = defaults;
    poly.policy = DNX_POLY;
    poly.power = 3;
    rate(dnx_rate(&poly, 101) == 0, "poly beyond max_batches", 101, 1, 0);
    rate(host_rate(&poly, 120) < 0, "the host's poly beyond max_batches", 120, 1, -1);
    sigmoid_before_step();
    random_is_drawn_from_the_seed();
    group("cosine");
    cosine();
    return tap_summary();
}
