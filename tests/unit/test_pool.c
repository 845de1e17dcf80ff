/* test_pool.c - the thread pool: every share is done once, also with late or missing threads. */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <dirent.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "kernels/pool.h"
#include "kernels/processors.h"
#include "lib/check.h"

#define MOST 64

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void rest(double s) {
    struct timespec t = {0, (long)(s * 1e9)};
    nanosleep(&t, NULL);
}

static dnx_pool *pool_of(int shares) {
    dnx_pool *p = dnx_pool_new(shares);
    must(p != NULL, "dnx_pool_new");
    return p;
}

typedef struct {
    atomic_int calls[MOST];
    int T;
    atomic_bool is_wrong;
    atomic_uint random; /* state of the generator of random delays; 0: no delays */
} tally;

static void count(void *arg, int t, int T) {
    tally *s = arg;
    if (T != s->T || t < 0 || t >= T) {
        atomic_store(&s->is_wrong, true);
        return;
    }
    atomic_fetch_add(&s->calls[t], 1);
    if (!atomic_load(&s->random)) return;
    unsigned r = atomic_fetch_add(&s->random, 0x9e3779b9u) | 1u;
    r = (r ^ r >> 15) * 0x2c1b3c6du;
    if (r >> 20 == 0) rest(1e-4);
    else if (r >> 31)
        for (unsigned volatile i = 0; i < (r & 2047); i++) continue;
}

static void test_once(int shares, int jobs, bool has_delays) {
    static tally s;
    memset(&s, 0, sizeof s);
    s.T = shares;
    s.random = has_delays;
    dnx_pool *p = pool_of(shares);
    bool ok = dnx_pool_threads(p) == shares;
    for (int j = 1; j <= jobs && ok; j++) {
        dnx_pool_run(p, count, &s);
        for (int t = 0; t < shares; t++) ok = ok && atomic_load(&s.calls[t]) == j;
    }
    dnx_pool_free(p);
    check(ok && !atomic_load(&s.is_wrong), "%d jobs of %d shares: not each share once", jobs,
          shares);
}

static void test_pieces(int T) {
    for (long n = 0; n < 200; n += 13) {
        long lo, hi, end = 0;
        bool ok = true;
        for (int t = 0; t < T; t++, end = hi) {
            dnx_share(n, t, T, &lo, &hi);
            ok = ok && lo == end && hi >= lo;
        }
        check(ok && end == n, "dnx_share: %ld things, %d pieces", n, T);
    }
}

static void count_one(void *arg, int t, long i) {
    tally *s = arg;
    if (t < 0 || t >= s->T) atomic_store(&s->is_wrong, true);
    atomic_fetch_add(&s->calls[i], 1);
}

static void test_each(int shares, int n) {
    static tally s;
    memset(&s, 0, sizeof s);
    s.T = shares;
    dnx_pool *p = pool_of(shares);
    for (int j = 0; j < 100; j++) dnx_pool_each(p, n, count_one, &s);
    bool ok = !s.is_wrong;
    for (int i = 0; i < MOST; i++) ok = ok && s.calls[i] == (i < n ? 100 : 0);
    check(ok, "dnx_pool_each: %d things in %d shares: not each once", n, shares);
    dnx_pool_free(p);
}

/* ---- late threads ---- */

typedef struct {
    atomic_int done;
    bool is_right;
} eight;

static void wait_for_others(void *arg, int t, int T) {
    eight *e = arg;
    double end = seconds() + 10;
    while (t == T - 1 && atomic_load(&e->done) < T - 1 && seconds() < end) rest(1e-4);
    if (t == T - 1) e->is_right = atomic_load(&e->done) == T - 1;
    else atomic_fetch_add(&e->done, 1);
}

static void test_late(void) {
    dnx_pool *p = pool_of(8);
    eight e = {0, false};
    dnx_pool_run(p, wait_for_others, &e);
    check(e.is_right, "a late thread's other shares were not done by the others");
    dnx_pool_free(p);
}

static sem_t let_go;
static void hold(int unused) {
    (void)unused;
    while (sem_wait(&let_go)) continue;
}

/* Sends the signal to all other threads. Returns their number. */
static int each_other(int signal) {
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *e; d && (e = readdir(d));) {
        long id = atol(e->d_name);
        if (id == 0 || id == syscall(SYS_gettid)) continue;
        syscall(SYS_tgkill, getpid(), id, signal);
        n++;
    }
    if (d) closedir(d);
    return n;
}

static void test_absent(void) {
    static tally s;
    struct sigaction a = {.sa_handler = hold};
    dnx_pool *p = pool_of(5);
    s.T = 5;
    for (int j = 0; j < 100; j++) dnx_pool_run(p, count, &s);
    sem_init(&let_go, 0, 0);
    sigaction(SIGUSR1, &a, NULL);
    int n = each_other(SIGUSR1);
    rest(.1);
    for (int j = 0; j < 100; j++) dnx_pool_run(p, count, &s);
    check(s.calls[4] == 200, "absent threads: %d of 200 jobs done", s.calls[4]);
    for (int i = 0; i < n; i++) sem_post(&let_go);
    dnx_pool_free(p);
}

typedef struct {
    pthread_t caller;
    atomic_bool is_slow; /* threads other than the caller are slow */
    atomic_int others;   /* shares that these threads have done */
} crew;

static void slow_elsewhere(void *arg, int t, int T) {
    crew *c = arg;
    (void)t, (void)T;
    if (pthread_equal(pthread_self(), c->caller)) {
        for (int volatile i = 0; i < 20000; i++) continue;
        return;
    }
    atomic_fetch_add(&c->others, 1);
    if (atomic_load(&c->is_slow)) rest(4e-3);
}

static void test_alone(void) {
    dnx_pool *p = pool_of(2);
    crew c = {pthread_self(), true, 0};
    double start = seconds();
    for (int n = 0; seconds() < start + .5; n++) dnx_pool_run(p, slow_elsewhere, &c);
    check(c.others < 20, "%d shares in half a second went to threads that hold all up", c.others);
    atomic_store(&c.is_slow, false);
    atomic_store(&c.others, 0);
    start = seconds();
    while (c.others == 0 && seconds() < start + 10) dnx_pool_run(p, slow_elsewhere, &c);
    check(c.others > 0, "the other threads are never tried again");
    dnx_pool_free(p);
}

/* ---- the same bits with any number of processors or threads ---- */

static const char text[] =
    "[net]\nbatch=6\nheight=20\nwidth=18\nchannels=3\nseed=5\n"
    "[convolutional]\nfilters=19\nsize=3\nstride=2\npad=1\nbatch_normalize=1\nactivation=prelu\n"
    "[depthwise]\nsize=3\npad=1\nbatch_normalize=1\nactivation=prelu\n"
    "[convolutional]\nfilters=19\nbatch_normalize=1\nactivation=linear\n"
    "[shortcut]\nfrom=-3\nactivation=linear\n"
    "[binary]\nfilters=24\nsize=3\npad=1\nbatch_normalize=1\nactivation=relu\n"
    "[global_depthwise]\nbatch_normalize=1\n[connected]\noutput=4\nactivation=linear\n[softmax]\n";

static void train(int batch, int threads, double loss[10]) {
    dnx_net *net = make_net(text, "pool.cfg", true, batch, threads);
    size_t size = dnx_size(net->in) * (size_t)batch;
    float *x = dnx_alloc(size), truth[64];
    for (int b = 0; b < batch; b++) truth[b] = (float)(b % 4);
    dnx_rng r;
    dnx_rng_seed(&r, 9, 9);
    for (size_t i = 0; i < size; i++) x[i] = dnx_rng_normal(&r);
    for (int s = 0; s < 10; s++) {
        for (int i = 0; i < net->n; i++)
            dnx_net_forward_layer(net, i, x, batch, DNX_TRAINING, truth, &loss[s]);
        dnx_net_backward_begin(net);
        for (int i = net->n - 1; i >= 0; i--) dnx_net_backward_layer(net, i, x, batch, truth);
        dnx_net_update_begin(net, batch);
        for (int i = 0; i < net->n; i++) dnx_net_update_layer(net, i, batch, .05f, .9f, 1e-4f);
    }
    dnx_free(x);
    dnx_net_free(net);
}

static void test_processors(void) {
    cpu_set_t all, one;
    int first = 0;
    double together[10], alone[10];
    must(!sched_getaffinity(0, sizeof all, &all), "sched_getaffinity");
    check(dnx_processors() >= 1 && dnx_processors() <= CPU_COUNT(&all), "dnx_processors: %d",
          dnx_processors());
    train(6, 4, together);
    while (!CPU_ISSET(first, &all)) first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    must(!sched_setaffinity(0, sizeof one, &one), "sched_setaffinity");
    check(dnx_processors() == 1, "one processor allowed: %d", dnx_processors());
    train(6, 4, alone);
    test_once(8, 500, false);
    sched_setaffinity(0, sizeof all, &all);
    check(!memcmp(together, alone, sizeof alone), "the bits depend on the processors: %.9g, %.9g",
          together[9], alone[9]);
    check(isfinite(alone[9]) && alone[9] < alone[0], "loss %g, then %g", alone[0], alone[9]);
}

/* With batch 64, 1 to 8 threads divide the work into 8 shares of 8 images: training must give the
 * same bits with any of these numbers of threads. */
static void test_shares(void) {
    double one[10], other[10];
    train(64, 1, one);
    for (int threads = 2; threads <= 8; threads *= 2) {
        train(64, threads, other);
        check(!memcmp(one, other, sizeof one), "%d threads: other bits, %.9g, not %.9g", threads,
              other[9], one[9]);
    }
    dnx_net *net = make_net(text, "pool.cfg", true, 16, 5);
    check(dnx_pool_threads(net->pool) == 5 && net->threads == 5, "more threads than shares");
    dnx_net_free(net);
    dnx_pool *p = dnx_pool_new_shares(1, 9);
    check(p && dnx_pool_threads(p) == 9, "one thread, nine shares");
    dnx_pool_free(p);
}

/* ---- processor quotas of cgroups ---- */

static void folders(const char *list) {
    char name[300];
    for (const char *c = list; *c; c += *c == ' ') {
        size_t n = strcspn(c, " ");
        snprintf(name, sizeof name, "%s/%.*s", folder, (int)n, c);
        must(!mkdir(name, 0700), name);
        c += n;
    }
}

static void quota(const char *what, const char *groups, int want) {
    write_text(path("groups"), groups);
    int got = dnx_cpu_quota(path("groups"), folder);
    check(got == want, "%s: a quota of %d processors, want %d", what, got, want);
}

static void test_quota(void) {
    make_folder();
    folders("a a/b a/c cpu cpu/d");
    write_text(path("a/cpu.max"), "350000 100000\n");
    write_text(path("a/b/cpu.max"), "150000 100000\n");
    write_text(path("a/c/cpu.max"), "max 100000\n");
    write_text(path("cpu/cpu.cfs_quota_us"), "-1\n");
    write_text(path("cpu/cpu.cfs_period_us"), "100000\n");
    write_text(path("cpu/d/cpu.cfs_quota_us"), "50000\n");
    write_text(path("cpu/d/cpu.cfs_period_us"), "100000\n");
    quota("1.5", "0::/a/b\n", 2);
    quota("the group above", "0::/a/c\n", 4);
    quota("a group that is not mounted here", "0::/a/b/x/y\n", 2);
    quota("no file", "0::/none\n", 0);
    quota("no group", "", 0);
    quota("v1, half a processor", "4:memory:/a\n3:cpu,cpuacct:/d\n0::/\n", 1);
    quota("v1, no limit", "2:cpuset:/d\n3:cpu:/\n", 0);
    write_text(path("a/b/cpu.max"), "rubbish");
    quota("rubbish", "0::/a/b\n", 4);
    check(dnx_cpu_quota(path("absent"), folder) == 0, "no file of groups");
}

int main(void) {
    test_once(1, 1000, false);
    test_once(2, 20000, false);
    test_once(7, 2000, false);
    test_once(64, 200, false);
    test_once(2, 50000, true);
    test_once(3, 50000, true);
    test_once(16, 4000, true);
    check(dnx_pool_new(0) == NULL && dnx_pool_new(257) == NULL, "dnx_pool_new: 0 and 257 shares");
    test_each(1, 5);
    test_each(3, 64);
    test_each(8, 3);
    test_each(2, 0);
    test_pieces(1);
    test_pieces(7);
    test_processors();
    test_shares();
    if (dnx_processors() > 1) {
        test_late();
        test_alone();
    } else skip("test_late, test_alone", "one processor");
    test_absent();
    test_quota();
    return summary();
}
