/* The darknet command: finds the verb; verbs that are not ours go to the host's command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__ /* told by the headers above */
#include <malloc.h>
#endif

#include "cmd/cmd.h"
#include "host/layers.h"
#include "net/weights.h"

#define HOST_COMMAND "/usr/bin/darknet"

static const dnx_verb *const verbs[] = {&dnx_cmd_check, &dnx_cmd_layers, &dnx_cmd_bench,
                                        &dnx_cmd_init, &dnx_cmd_classifier, &dnx_cmd_embed,
                                        &dnx_cmd_compress,
                                        &dnx_cmd_synth, &dnx_cmd_align};
#define VERBS (sizeof verbs / sizeof *verbs)

const char *dnx_take(int *argc, char **argv, const char *name, const char *none) {
    for (int i = 1; i + 1 < *argc; i++) {
        if (strcmp(argv[i], name)) continue;
        const char *value = argv[i + 1];
        memmove(argv + i, argv + i + 2, sizeof *argv * (size_t)(*argc - i - 1));
        *argc -= 2;
        return value;
    }
    return none;
}

int dnx_take_int(int *argc, char **argv, const char *name, int none, int lo, int hi, bool *ok) {
    const char *text = dnx_take(argc, argv, name, NULL);
    char *end;
    if (!text) return none;
    long v = strtol(text, &end, 10);
    if (*end == 0 && end != text && v >= lo && v <= hi) return (int)v;
    fprintf(stderr, "darknet: %s %s: must be a whole number from %d to %d\n", name, text, lo, hi);
    *ok = false;
    return none;
}

bool dnx_take_flag(int *argc, char **argv, const char *name) {
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], name)) continue;
        memmove(argv + i, argv + i + 1, sizeof *argv * (size_t)(*argc - i));
        --*argc;
        return true;
    }
    return false;
}

int dnx_usage(const dnx_verb *v) {
    fprintf(stderr, "usage: darknet %s\n", v->usage);
    return 2;
}

int dnx_report(const dnx_err *err) {
    fprintf(stderr, "%s\n", err->text);
    return 1;
}

/* Loads the weights of a network that was built with status st. */
static dnx_status load(dnx_status st, dnx_cfg *sections, const char *weights, dnx_net *net,
                       dnx_err *err) {
    dnx_cfg_free(sections);
    if (st || !weights) return st;
    st = dnx_weights_load(net, weights, err);
    if (st) dnx_net_free(net);
    return st;
}

dnx_status dnx_open(const char *cfg, const char *weights, bool trains, int batch, int threads,
                    dnx_net **net, dnx_err *err) {
    dnx_cfg *sections;
    dnx_status st = dnx_cfg_read(cfg, &sections, err);
    if (st) return st;
    st = dnx_net_build(sections, trains, batch, threads, net, err);
    return load(st, sections, weights, *net, err);
}

dnx_status dnx_open_to_run(const char *cfg, const char *weights, int batch, int threads,
                           dnx_net **net, dnx_err *err) {
    dnx_cfg *sections;
    dnx_status st = dnx_cfg_read(cfg, &sections, err);
    if (st) return st;
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* so that what is freed goes back to the system */
#endif
    st = dnx_net_build_to_run(sections, batch, threads, net, err);
    return load(st, sections, weights, *net, err);
}

double dnx_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void help(FILE *f) {
    fprintf(f, "usage: darknet VERB ...    (darknet VERB -h for one verb)\n\n");
    for (size_t i = 0; i < VERBS; i++)
        fprintf(f, "  %-11s %s\n", verbs[i]->name, verbs[i]->summary);
    fprintf(f, "\nAny other verb is handed to %s.\n", HOST_COMMAND);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        help(stderr);
        return 2;
    }
    if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "help")) {
        help(stdout);
        return 0;
    }
    dnx_net_more_types(dnx_host_types);
    for (size_t i = 0; i < VERBS; i++) {
        if (strcmp(argv[1], verbs[i]->name)) continue;
        if (argc > 2 && (!strcmp(argv[2], "-h") || !strcmp(argv[2], "--help"))) {
            printf("usage: darknet %s\n%s\n", verbs[i]->usage, verbs[i]->summary);
            return 0;
        }
        int status = verbs[i]->run(argc - 1, argv + 1);
        if (fflush(stdout) && !status) {
            fprintf(stderr, "darknet: cannot write the output\n");
            return 1;
        }
        return status;
    }
    if (access(HOST_COMMAND, X_OK)) {
        fprintf(stderr, "darknet: no verb '%s', and the host's %s is not installed\n", argv[1],
                HOST_COMMAND);
        return 2;
    }
    execv(HOST_COMMAND, argv);
    perror(HOST_COMMAND);
    return 1;
}
