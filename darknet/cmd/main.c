/* main.c - the darknet command: runs its own verbs, and hands other verbs of Darknet to
 * /usr/bin/darknet. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/lines.h"
#include "cmd/cmd.h"
#include "gpu/place.h"
#include "host/layers.h"
#include "kernels/bits.h"
#include "kernels/kernels.h"
#include "net/opts.h"

#define HOST_COMMAND "/usr/bin/darknet"

static const dnx_verb *const verbs[] = {
    &dnx_cmd_check,   &dnx_cmd_layers, &dnx_cmd_bench, &dnx_cmd_init,       &dnx_cmd_classifier,
    &dnx_cmd_runs,    &dnx_cmd_embed,  &dnx_cmd_strip, &dnx_cmd_partial,    &dnx_cmd_compress,
    &dnx_cmd_synth,   &dnx_cmd_align,  &dnx_cmd_faces, &dnx_cmd_compare,    &dnx_cmd_find,
    &dnx_cmd_cluster, &dnx_cmd_pairs,  &dnx_cmd_gpus,  &dnx_cmd_completion, NULL};

static const char *const host_verbs[] = {
    "3d",        "art",      "average",   "cifar",     "classify",   "coco",       "denormalize",
    "detect",    "detector", "go",        "imtest",    "isegmenter", "lsd",        "mkimg",
    "nightmare", "oneoff",   "oneoff2",   "ops",       "print",      "regressor",  "rescale",
    "reset",     "rgbgr",    "rnn",       "segmenter", "speed",      "statistics", "super",
    "tag",       "test",     "visualize", "yolo",      NULL};

const dnx_verb dnx_command = {.name = "", .summary = "", .verbs = verbs, .host_verbs = host_verbs};

static void help(FILE *f) {
    int column = 100;
    fprintf(f, "usage: darknet VERB ...    (darknet VERB -h explains one)\n\n");
    for (int i = 0; verbs[i]; i++) fprintf(f, "  %-11s %s\n", verbs[i]->name, verbs[i]->summary);
    fprintf(f, "  %-11s %s\n\nHanded to %s:", "help", "explain a verb: darknet help [VERB [VERB]]",
            HOST_COMMAND);
    for (int i = 0; host_verbs[i]; i++) {
        if (column + (int)strlen(host_verbs[i]) > 78) column = fprintf(f, "\n ") - 1;
        column += fprintf(f, " %s", host_verbs[i]);
    }
    fprintf(f, "\n");
}

static const dnx_verb *find(const dnx_verb *of, const char *word) {
    for (int i = 0; of->verbs[i]; i++)
        if (!strcmp(dnx_verb_word(of->verbs[i]), word)) return of->verbs[i];
    return NULL;
}

static bool is_hosts(const dnx_verb *of, const char *word) {
    for (int i = 0; of->host_verbs && of->host_verbs[i]; i++)
        if (!strcmp(of->host_verbs[i], word)) return true;
    return false;
}

/* Reports that the verb `of` has no sub-verb `word`. Returns 2. */
static int unknown(const dnx_verb *of, const char *word) {
    const char *names[64] = {"help"}, *between = *of->name ? " " : "";
    int n = of == &dnx_command;
    for (int i = 0; of->verbs[i]; i++) names[n++] = dnx_verb_word(of->verbs[i]);
    for (int i = 0; of->host_verbs && of->host_verbs[i]; i++) names[n++] = of->host_verbs[i];
    for (int i = 0; of->verbs[i]; i++) {
        const dnx_verb *deeper = of->verbs[i]->verbs ? find(of->verbs[i], word) : NULL;
        if (deeper) return dnx_wrong("no verb '%s'; did you mean '%s'?", word, deeper->name);
    }
    const char *near = dnx_nearest(word, names, n);
    if (near)
        return dnx_wrong("no verb '%s%s%s'; did you mean '%s'?", of->name, between, word, near);
    return dnx_wrong("no verb '%s%s%s'; `darknet %s%s-h` lists them", of->name, between, word,
                     of->name, between);
}

/* Prints the help of a verb. words: the n words after `help`, which name the verb. Returns the exit
 * status. */
static int help_of(int n, char *const *words) {
    const dnx_verb *v = &dnx_command;
    for (int i = 0; i < n && !dnx_is_help(words[i]); i++) {
        if (v == &dnx_command && !strcmp(words[i], "help")) continue;
        const dnx_verb *next = v->verbs ? find(v, words[i]) : NULL;
        if (!v->verbs) return dnx_wrong("'%s' has no verbs of its own", v->name);
        if (!next && is_hosts(v, words[i]))
            return dnx_wrong("%s is a verb of %s, which has no help", words[i], HOST_COMMAND);
        if (!next) return unknown(v, words[i]);
        v = next;
    }
    if (v == &dnx_command) help(stdout);
    else dnx_print_help(stdout, v);
    return 0;
}

/* Returns true when `path` is this very command, which would then call itself without end. */
static bool is_this_command(const char *path) {
    struct stat a, b;
    return !stat(path, &a) && !stat("/proc/self/exe", &b) && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static int hand_on(char **argv) {
    if (is_this_command(HOST_COMMAND)) {
        fprintf(stderr, "darknet: %s is a verb of /usr/bin/darknet, but %s is this one\n", argv[1],
                HOST_COMMAND);
        return 1;
    }
    execv(HOST_COMMAND, argv);
    fprintf(stderr, "darknet: %s is a verb of /usr/bin/darknet, and %s cannot be run: ", argv[1],
            HOST_COMMAND);
    perror(NULL);
    return 1;
}

/* Refuses unknown values of the environment variable DNX_ISA. Warns when the processor lacks the
 * instructions that DNX_ISA names. */
static int check_isa(void) {
    static const char *const names[] = {"plain", "avx2", "avx512", "amx"};
    const char *isa = getenv("DNX_ISA");
    int i = 0;
    if (!isa) return 0;
    while (i < 4 && strcmp(isa, names[i])) i++;
    if (i == 4) return dnx_wrong("DNX_ISA=%s: must be plain, avx2, avx512 or amx", isa);
    const bool is_there = !strcmp(isa, "amx") ? dnx_tiles() != NULL
                                              : dnx_kernels_named(isa) != NULL;
    if (!is_there)
        fprintf(stderr, "darknet: DNX_ISA=%s: this processor lacks it; the %s kernels run\n", isa,
                dnx_kernels()->name);
    return 0;
}

static int run(const dnx_verb *v, int n, char *const *words) {
    void *args = calloc(1, v->size ? v->size : 1);
    dnx_err err = {0};
    int status = 1;
    if (check_isa()) status = 2;
    else if (!args) fprintf(stderr, "darknet: no memory\n");
    else if (!(status = dnx_args_parse(v, n, words, args))) status = v->run(args, &err);
    if (status == 1 && err.status) fprintf(stderr, "%s\n", err.text);
    free(args);
    return status;
}

static int dispatch(int argc, char **argv) {
    const dnx_verb *v = &dnx_command;
    int i = 1;
    for (; v->verbs; i++) {
        if (i < argc && dnx_is_help(argv[i])) return help_of(i - 1, argv + 1);
        if (i >= argc) {
            if (v == &dnx_command) help(stderr);
            else dnx_print_help(stderr, v);
            return 2;
        }
        const dnx_verb *next = find(v, argv[i]);
        if (!next) return is_hosts(v, argv[i]) ? hand_on(argv) : unknown(v, argv[i]);
        v = next;
    }
    if (dnx_args_have_help(argc - i, argv + i)) return help_of(i - 1, argv + 1);
    return run(v, argc - i, argv + i);
}

/* Opens closed descriptors from 0 to 2, so that no other file gets their numbers. Reading from 0
 * and writing to 1 or 2 still fail. */
static void keep_descriptors(void) {
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0) open("/dev/null", fd ? O_RDONLY : O_WRONLY);
}

/* Prints a note about a byte order mark, only once when a file is read twice in a row. */
static void show_mark(const char *file, const char *mark) {
    static char *last;
    if (last && !strcmp(last, file)) return;
    free(last);
    last = strdup(file);
    fprintf(stderr, "%s: begins with a %s; read as text without it\n", file, mark);
}

int main(int argc, char **argv) {
    keep_descriptors();
    dnx_lines_report_marks(show_mark);
    if (!isatty(STDOUT_FILENO)) setvbuf(stdout, NULL, _IOLBF, 0); /* a log then has whole lines */
    if (dnx_take_gpu_options(&argc, argv)) return 2;
    bool is_help = argc > 1 && !strcmp(argv[1], "help");
    int status = is_help ? help_of(argc - 2, argv + 2) : dispatch(argc, argv);
    dnx_gpu_close();
    if ((fflush(stdout) || ferror(stdout)) && !status) {
        fprintf(stderr, "darknet: cannot write the output\n");
        return 1;
    }
    return status;
}
