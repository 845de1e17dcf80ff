/* check.h - helpers for tests in C: numbers, files, networks, child processes. */
#ifndef CHECK_H
#define CHECK_H
#include <math.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/kernels.h"
#include "lib/tap.h"
#include "net/net.h"

extern const dnx_teacher_source dnx_cfg_teachers; /* declared in train/teachers.h */

static char folder[] = "/tmp/dnx_test_XXXXXX";

static inline bool check_value(bool ok, const char *name, double got, double want) {
    return check(ok, "%s: got %.9g, want %.9g", name, got, want);
}

static inline bool check_part(bool ok, const char *name, const char *part, double got,
                              double want) {
    return check(ok, "%s: %s: got %.9g, want %.9g", name, part, got, want);
}

static inline bool near(const char *name, double got, double want, double tolerance) {
    return check_value(fabs(got - want) <= tolerance * (1 + fabs(want)), name, got, want);
}

/* Returns the larger of two errors. NaN counts as larger than any number. */
static inline double worse(double worst, double e) {
    return e <= worst || isnan(worst) ? worst : e;
}

/* Returns the largest |a[i] - b[i]| / (1 + |a[i]|) of n numbers; NaN when a or b contains NaN. */
static inline double apart(const float *a, const float *b, size_t n) {
    double worst = 0;
    for (size_t i = 0; i < n; i++)
        worst = worse(worst, fabs((double)a[i] - (double)b[i]) / (1 + fabs((double)a[i])));
    return worst;
}

/* Prints the last TAP lines, and removes the test's folder. Returns the exit status. */
static inline int summary(void) {
    char line[64];
    snprintf(line, sizeof line, "rm -rf %s", folder);
    if (!strstr(folder, "XXXXXX") && system(line)) check(false, "%s cannot be removed", folder);
    return tap_summary();
}

/* Counts a check, and ends the test when the check fails. */
static inline void must(bool ok, const char *what) {
    if (!check(ok, "%s", what)) exit(summary());
}

/* ---- files ---- */

static inline void make_folder(void) { must(mkdtemp(folder) != NULL, "cannot make a folder"); }

/* Returns folder/name, in a buffer that the fourth call after this one overwrites. */
static inline char *path(const char *name) {
    static char ring[4][200];
    static int turn;
    char *s = ring[turn++ & 3];
    snprintf(s, sizeof ring[0], "%s/%s", folder, name);
    return s;
}

static inline void write_bytes(const char *name, const void *bytes, size_t n) {
    FILE *f = fopen(name, "wb");
    bool ok = f && fwrite(bytes, 1, n, f) == n;
    if (f && fclose(f)) ok = false;
    if (!ok) must(false, name);
}

static inline void write_text(const char *name, const char *text) {
    write_bytes(name, text, strlen(text));
}

/* Returns the number of bytes read, at most `most`; 0 when the file cannot be opened. */
static inline size_t read_bytes(const char *name, void *bytes, size_t most) {
    FILE *f = fopen(name, "rb");
    size_t n = f ? fread(bytes, 1, most, f) : 0;
    if (f) fclose(f);
    return n;
}

/* ---- networks ---- */

/* Builds a network of the cfg `text`. The caller frees it. Returns NULL and sets *err after an
 * error. file: the cfg's name in messages; batch: images in a batch, 0 for batch= of the text. */
static inline dnx_net *try_net(const char *text, const char *file, bool trains, int batch,
                               int threads, dnx_err *err) {
    dnx_cfg *cfg;
    dnx_net *net = NULL;
    *err = (dnx_err){0};
    if (!dnx_cfg_parse(text, strlen(text), file, &cfg, err)) {
        const dnx_build how = {
            .trains = trains, .batch = batch, .threads = threads, .teachers = &dnx_cfg_teachers};
        dnx_net_build(cfg, &how, &net, err);
        dnx_cfg_free(cfg);
    }
    return net;
}

static inline dnx_net *make_net(const char *text, const char *file, bool trains, int batch,
                                int threads) {
    dnx_err err;
    dnx_net *net = try_net(text, file, trains, batch, threads, &err);
    if (!net) must(false, err.text);
    return net;
}

/* Adds random numbers to all parameters, and calls dnx_net_prepare(). The numbers lie in
 * -by/2..by/2, for untrained parameters in 0..by, because variances must stay positive. */
static inline void scatter(dnx_net *net, uint64_t seed, float by) {
    dnx_param list[DNX_MAX_PARAMS];
    dnx_rng r;
    dnx_rng_seed(&r, seed, 0);
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
            for (size_t j = 0; j < list[k].count; j++)
                list[k].value[j] += by * (dnx_rng_uniform(&r) - (list[k].is_trained ? .5f : 0));
    dnx_net_prepare(net, NULL);
}

/* ---- kernel sets ---- */

/* IN_CHECK() writes here what a child process does. The parent prints the text after a crash. */
enum { DOING = 200 };
static char *doing;
#define IN_CHECK(...) (doing ? snprintf(doing, DOING, __VA_ARGS__) : 0)

/* Runs all() in a child process with DNX_ISA=set, because a process chooses its kernels only once.
 * The parent adds the child's counts of checks to its own. */
static inline void in_child(const char *set, void (*all)(void)) {
    int ends[2], counts[2] = {0}, status = 0;
    group("%s", set);
    if (!doing)
        doing = mmap(NULL, DOING, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(doing != MAP_FAILED, "no memory");
    doing[0] = 0;
    fflush(stdout);
    must(!pipe(ends), "no pipe");
    pid_t child = fork();
    if (child == 0) {
        where = set;
        passed = failed = skipped = 0;
        setenv("DNX_ISA", set, 1);
        all();
        int mine[2] = {passed, failed};
        bool is_written = write(ends[1], mine, sizeof mine) == (ssize_t)sizeof mine;
        fflush(stdout);
        exit(failed || !is_written);
    }
    close(ends[1]);
    bool has_counts = child > 0 && read(ends[0], counts, sizeof counts) == (ssize_t)sizeof counts;
    close(ends[0]);
    if (child > 0) waitpid(child, &status, 0);
    passed += counts[0], failed += counts[1];
    if (WIFSIGNALED(status))
        check(false, "signal %d (%s) %s %s", WTERMSIG(status), strsignal(WTERMSIG(status)),
              doing[0] ? "in" : "in the child", doing);
    else check(has_counts && (!status || counts[1]), "the child ended early, status %d", status);
    tap_end();
}

/* Returns the result of ask(), which a child process with DNX_ISA=set calls. */
static inline bool child_says(const char *set, bool (*ask)(void)) {
    int status = 1;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setenv("DNX_ISA", set, 1);
        _exit(ask() ? 0 : 3);
    }
    if (child > 0) waitpid(child, &status, 0);
    int answer = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    check(answer == 0 || answer == 3, "%s: the child ended early, status %d", set, status);
    return answer == 0;
}

static inline void in_each_set(void (*all)(void)) {
    static const char *const sets[] = {"plain", "avx2", "avx512"};
    for (int i = 0; i < 3; i++) {
        if (dnx_kernels_named(sets[i])) in_child(sets[i], all);
        else skip(sets[i], NEVER_HERE);
    }
}
#endif
