/* bench_busy.c - times a network while child processes keep the CPU busy. The children end with
 * this process. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/bench.h"

#define TURNS 7
#define SECONDS .4 /* length of a turn, at least: it spans many time slices of the scheduler */

static void spin(pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);
    raise(SIGSTOP);
    for (volatile unsigned long n = 0;; n++) continue;
}

/* Starts n children, which pause themselves. Returns how many could start. */
static int start(pid_t *child, int n) {
    pid_t parent = getpid();
    for (int i = 0; i < n; i++) {
        child[i] = fork();
        if (child[i] == 0) spin(parent);
        if (child[i] < 0) return i;
        waitpid(child[i], NULL, WUNTRACED); /* waits until the child has paused itself */
    }
    return n;
}

static void signal_all(const pid_t *child, int n, int signal) {
    for (int i = 0; i < n; i++) kill(child[i], signal);
}

/* Times one turn of at least `runs` passes. Returns the mean milliseconds for an image. */
static double turn(dnx_bench *b, int runs) {
    double begin = dnx_now(), end = begin;
    int passes = 0;
    for (; passes < runs || end < begin + SECONDS; passes++) {
        dnx_bench_pass(b, NULL);
        end = dnx_now();
    }
    return (end - begin) * 1e3 / passes / b->net->batch;
}

static void print(dnx_bench nets[2], int busy, dnx_timing ms[2][2], bool json) {
    int threads = nets[1].net->threads;
    double ratio[2] = {ms[1][0].median / ms[0][0].median, ms[1][1].median / ms[0][1].median};
    if (json) {
        printf("{\"busy\": %d, \"threads\": %d, \"batch\": %d, \"turns\": %d", busy, threads,
               nets[1].net->batch, TURNS);
        for (int k = 0; k < 2; k++)
            printf(", \"%s\": {\"quiet\": %.6f, \"quiet_spread\": %.4f, \"busy\": %.6f, "
                   "\"busy_spread\": %.4f}",
                   k ? "all" : "one", ms[k][0].median, ms[k][0].spread, ms[k][1].median,
                   ms[k][1].spread);
        printf("}\n");
        return;
    }
    printf("%s, batch %d, ms an image, medians of %d turns\n%-12s %10s %10s %d busy\n",
           nets[0].net->trains ? "training step" : "forward", nets[0].net->batch, TURNS, "",
           "quiet", "beside", busy);
    for (int k = 0; k < 2; k++)
        printf("%3d %-8s %10.3f %10.3f%s%s\n", k ? threads : 1,
               k && threads > 1 ? "threads" : "thread", ms[k][0].median, ms[k][1].median,
               ms[k][0].spread > DNX_STEADY ? "  quiet: not steady" : "",
               ms[k][1].spread > DNX_STEADY ? "  busy: not steady" : "");
    printf("%-12s %10.2f %10.2f\n", "ratio", ratio[0], ratio[1]);
}

dnx_status dnx_bench_busy(dnx_net *one, dnx_net *all, int busy, int runs, bool json, dnx_err *err) {
    dnx_bench nets[2] = {{0}};
    double times[2][2][TURNS];
    dnx_timing ms[2][2];
    pid_t *child = calloc((size_t)busy, sizeof *child);
    bool has_memory = dnx_bench_open(&nets[0], one) && dnx_bench_open(&nets[1], all) && child;
    dnx_status st = has_memory ? DNX_OK : dnx_no_memory(all->file, err);
    int started = st ? 0 : start(child, busy);
    if (!st && started < busy)
        st = dnx_fail_at(err, DNX_EIO, NULL, "cannot start %d busy processes", busy);
    for (int k = 0; !st && k < 2; k++)
        for (int i = 0; i < 3; i++) dnx_bench_pass(&nets[k], NULL);
    for (int t = 0; !st && t < TURNS; t++)
        for (int is_busy = 0; is_busy < 2; is_busy++) {
            if (is_busy) signal_all(child, started, SIGCONT);
            for (int k = 0; k < 2; k++) times[k][is_busy][t] = turn(&nets[k], runs);
            if (is_busy) signal_all(child, started, SIGSTOP);
        }
    signal_all(child, started, SIGKILL);
    for (int i = 0; i < started; i++) waitpid(child[i], NULL, 0);
    for (int k = 0; !st && k < 4; k++) ms[k / 2][k % 2] = dnx_timing_of(times[k / 2][k % 2], TURNS);
    if (!st) st = dnx_net_status(all, err);
    if (!st) print(nets, busy, ms, json);
    dnx_bench_close(&nets[0]);
    dnx_bench_close(&nets[1]);
    free(child);
    return st;
}
