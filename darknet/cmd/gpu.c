/* gpu.c - chooses the GPU (-gpu, -nogpu) and its -precision. The verb `gpus` lists all GPUs. */
#include <string.h>

#include "base/lines.h"
#include "cmd/cmd.h"
#include "gpu/place.h"

static struct {
    int index; /* -1 when not given */
    bool is_off;
    int precision;
} asked = {.index = -1};

static const char *const precisions[] = {"float32", "tf32", "bfloat16"};

static bool read_index(const char *word) {
    long v;
    const bool ok = word && dnx_whole(word, 0, 1023, &v);
    if (ok) asked.index = (int)v;
    return ok;
}

static bool read_precision(const char *word) {
    for (int i = 0; word && i < 3; i++)
        if (!strcmp(word, precisions[i])) {
            asked.precision = i;
            return true;
        }
    return false;
}

int dnx_take_gpu_options(int *argc, char **argv) {
    int n = 1;
    for (int i = 1; i < *argc; i++) {
        const char *next = i + 1 < *argc ? argv[i + 1] : NULL;
        if (!strcmp(argv[i], "--")) {
            for (; i < *argc; i++) argv[n++] = argv[i];
        } else if (!strcmp(argv[i], "-nogpu")) {
            asked.is_off = true;
        } else if (!strcmp(argv[i], "-gpu")) {
            if (!read_index(next))
                return dnx_wrong(
                    "-gpu %s: must be the number of a GPU, from 0; `darknet gpus` lists them",
                    next ? next : "");
            i++;
        } else if (!strcmp(argv[i], "-precision")) {
            if (!read_precision(next))
                return dnx_wrong("-precision %s: must be one of float32, tf32, bfloat16",
                                 next ? next : "");
            i++;
        } else argv[n++] = argv[i];
    }
    *argc = n;
    argv[n] = NULL;
    if (asked.is_off && asked.index >= 0) return dnx_wrong("-gpu and -nogpu exclude each other");
    return 0;
}

static void print_note(const char *line) { fprintf(stderr, "%s\n", line); }

dnx_status dnx_where_to_run(const dnx_placement **out, dnx_err *err) {
    static const dnx_placement *placement;
    static bool is_known;
    dnx_err why = {0};
    *out = placement;
    if (is_known || asked.is_off || (!dnx_gpu && asked.index < 0)) return DNX_OK;
    dnx_status st = dnx_gpu_open(asked.index < 0 ? 0 : asked.index, (dnx_precision)asked.precision,
                                 print_note, &placement, &why);
    if (st && asked.index >= 0) return dnx_fail_at(err, st, NULL, "%s", why.text);
    if (st) fprintf(stderr, "%s; the processor computes\n", why.text);
    else fprintf(stderr, "%s\n", placement->name);
    is_known = true;
    *out = placement;
    return DNX_OK;
}

static const dnx_arg table[] = {DNX_ARG_END};

static void print_layers(void) {
    printf("runs on a GPU:");
    for (const dnx_gpu_pair *t = dnx_gpu->types; t->type; t++) printf(" %s", t->type->name);
    printf("\nall other layers run on the processor, with copies between\n");
}

static int run(const void *args, dnx_err *err) {
    int count;
    (void)args;
    if (!dnx_gpu) {
        printf("this build has no code for a GPU: make gpu-deps && make GPU=1\n");
        return 0;
    }
    if (dnx_device_count(&count, err)) {
        printf("%s\n", err->text);
        count = 0;
    }
    for (int i = 0; i < count; i++) {
        dnx_device_facts f;
        if (dnx_device_look(i, &f, err)) return 1;
        printf("%d  %s  sm_%d%d  %d multiprocessors  %.1f GB  driver for CUDA %d.%d\n", i, f.name,
               f.major, f.minor, f.processors, (double)f.bytes * 1e-9, f.driver / 1000,
               f.driver % 1000 / 10);
    }
    print_layers();
    return 0;
}

const dnx_verb dnx_cmd_gpus = {
    .name = "gpus",
    .summary = "list the GPUs, and the layers that they run",
    .args = table,
    .run = run,
    .note = "Every verb takes -gpu N (which GPU; 0), -nogpu (the processor computes) and "
            "-precision float32|tf32|bfloat16 (of the GPU's matrix products; float32).",
};
