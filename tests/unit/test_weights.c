/* test_weights.c - .weights files. A refused file changes nothing. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/inputs.h"
#include "lib/check.h"
#include "net/weights.h"

static const char net_text[] =
    "[net]\nbatch=1\nheight=4\nwidth=4\nchannels=3\n"
    "[convolutional]\nfilters=5\nsize=3\npad=1\nbatch_normalize=1\nactivation=prelu\n"
    "[depthwise]\nsize=3\npad=1\nbatch_normalize=1\n"
    "[global_depthwise]\nbatch_normalize=1\n"
    "[connected]\noutput=4\n";

enum { HEADER_BYTES = 20, OLD_BYTES = 16, MOST = 4096 };

static char file[64];
static unsigned char good[MOST];
static size_t good_size, floats;

static dnx_net *build(void) { return make_net(net_text, "test.cfg", false, 1, 1); }

/* Copies all parameters. Returns the number of floats. */
static size_t copy(dnx_net *net, float *out) {
    dnx_param list[DNX_MAX_PARAMS];
    size_t n = 0;
    for (int i = 0; i < net->n; i++)
        for (int k = 0, m = dnx_net_params(net, i, list); k < m; k++) {
            memcpy(out + n, list[k].value, sizeof(float) * list[k].count);
            n += list[k].count;
        }
    return n;
}

/* Loading `path` must fail and change nothing. */
static void refuses(const char *name, const char *path, dnx_status status, const char *fmt, ...) {
    static float before[MOST], after[MOST];
    char want[600];
    dnx_net *net = build();
    dnx_err err = {0};
    va_list args;
    int used = snprintf(want, sizeof want, "%s: ", path);
    va_start(args, fmt);
    vsnprintf(want + used, sizeof want - (size_t)used, fmt, args);
    va_end(args);
    scatter(net, 77, 1);
    net->seen = 4711;
    copy(net, before);
    dnx_status st = dnx_weights_load(net, path, &err);
    check(st == status, "%s: status %d, expected %d", name, (int)st, (int)status);
    check(!strcmp(err.text, want), "%s:\n  expected: %s\n  got:      %s", name, want, err.text);
    copy(net, after);
    check(!memcmp(before, after, sizeof(float) * floats) && net->seen == 4711,
          "%s: the network has changed", name);
    dnx_net_free(net);
}

#define REFUSES(name, bytes, n, ...)                                                               \
    (write_bytes(file, bytes, n), refuses(name, file, DNX_EWEIGHTS, __VA_ARGS__))

static void loads(const char *name, const void *bytes, size_t n, uint64_t seen) {
    static float got[MOST], want[MOST];
    dnx_net *net = build(), *source = build();
    dnx_err err = {0};
    scatter(source, 1, 1);
    copy(source, want);
    scatter(net, 77, 1);
    write_bytes(file, bytes, n);
    check(!dnx_weights_load(net, file, &err), "%s: %s", name, err.text);
    copy(net, got);
    check(!memcmp(got, want, sizeof(float) * floats), "%s: other parameters", name);
    check(net->seen == seen, "%s: seen is %llu", name, (unsigned long long)net->seen);
    dnx_net_free(net);
    dnx_net_free(source);
}

static void round_trip(void) {
    static float params[MOST];
    static const int32_t version[3] = {0, 2, 0};
    dnx_net *net = build();
    dnx_err err = {0};
    uint64_t seen;
    scatter(net, 1, 1);
    net->seen = 0x123456789abcu; /* more than an int32 */
    floats = copy(net, params);
    check(!dnx_weights_save(net, file, &err), "save: %s", err.text);
    good_size = read_bytes(file, good, MOST);
    memcpy(&seen, good + sizeof version, sizeof seen);
    check(good_size == HEADER_BYTES + 4 * floats, "save: %zu bytes, %zu floats", good_size, floats);
    check(!memcmp(good, version, sizeof version) && seen == net->seen, "save: another header");
    check(!memcmp(good + HEADER_BYTES, params, 4 * floats), "save: other floats");
    loads("round trip", good, good_size, net->seen);
    dnx_inputs_rewind(0);
    net->seen = 1;
    check(!dnx_weights_save(net, file, &err), "save over a file: %s", err.text);
    dnx_net_free(net);
}

static void old_header(void) {
    static unsigned char old[MOST];
    int32_t head[4] = {0, 1, 0, 123456};
    memcpy(old, head, sizeof head);
    memcpy(old + OLD_BYTES, good + HEADER_BYTES, 4 * floats);
    loads("version 0.1", old, OLD_BYTES + 4 * floats, 123456);
    head[3] = -5; /* the number of seen images in an old header: an int32 that has overflowed */
    memcpy(old, head, sizeof head);
    loads("version 0.1, seen below 0", old, OLD_BYTES + 4 * floats, 0);
    REFUSES("version 0.1, header only", old, OLD_BYTES,
            "too short: ends at biases of layer 0 [convolutional]; the network has %zu floats, the "
            "file 0",
            floats);
}

static void cuts(void) {
    dnx_net *net = build();
    dnx_param list[DNX_MAX_PARAMS];
    size_t start = 0;
    int tensors = 0;
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++, tensors++) {
            size_t at[2] = {start + list[k].count / 2, start + list[k].count - 1};
            for (int c = 0; c < 2; c++) {
                REFUSES("cut", good, HEADER_BYTES + 4 * at[c],
                        "too short: ends at %s of layer %d [%s]; the network has %zu floats, the "
                        "file %zu",
                        list[k].name, i, net->nodes[i].type->name, floats, at[c]);
            }
            start += list[k].count;
        }
    check(start == floats && tensors == 18, "%d tensors, expected 18", tensors);
    dnx_net_free(net);
}

static void no_number_files(void) {
    static const float no_numbers[] = {NAN, INFINITY, -INFINITY};
    static unsigned char bytes[MOST + sizeof(float)];
    dnx_net *net = build();
    dnx_param list[DNX_MAX_PARAMS];
    size_t end = 0;
    int turn = 0;
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++) {
            end += list[k].count;
            memcpy(bytes, good, good_size);
            memcpy(bytes + HEADER_BYTES + 4 * (end - 1), &no_numbers[turn++ % 3], sizeof(float));
            REFUSES("NaN or infinity", bytes, good_size,
                    "number %zu of %s of layer %d [%s] is NaN or infinite", list[k].count - 1,
                    list[k].name, i, net->nodes[i].type->name);
        }
    memcpy(bytes, good, good_size);
    memcpy(bytes + good_size, no_numbers, sizeof(float));
    REFUSES("NaN behind", bytes, good_size + 4,
            "float %zu, behind the network's, is NaN or infinite", floats);
    dnx_net_free(net);
}

static void bad_files(void) {
    static unsigned char bytes[MOST];
    static const int32_t versions[][2] = {{-1, 2}, {1000, 2}, {0, -1}, {0, 1000}};
    char path[128];
    snprintf(path, sizeof path, "%s/none.weights", folder);
    refuses("missing", path, DNX_EIO, "cannot open: No such file or directory");
    refuses("a directory", folder, DNX_EIO, "is not a regular file");
    REFUSES("empty", good, 0, "too short for the header of a weights file");
    REFUSES("15 bytes", good, 15, "too short for the header of a weights file");
    for (size_t n = OLD_BYTES; n < HEADER_BYTES; n++)
        REFUSES("half a header", good, n, "too short for the header of a weights file");
    REFUSES("header only", good, HEADER_BYTES,
            "too short: ends at biases of layer 0 [convolutional]; the network has %zu floats, the "
            "file 0",
            floats);
    for (size_t n = 1; n < 4; n++)
        REFUSES("odd bytes", good, good_size - n,
                "cut short: %zu bytes after the header are not floats",
                good_size - HEADER_BYTES - n);
    memcpy(bytes, good, good_size);
    memset(bytes + good_size, 0, 4);
    REFUSES("one float more", bytes, good_size + 4,
            "too long: the network has %zu floats, the file %zu", floats, floats + 1);
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        memcpy(bytes, versions[i], sizeof versions[i]);
        REFUSES("version", bytes, good_size, "not a weights file: version %d.%d",
                (int)versions[i][0], (int)versions[i][1]);
    }
    no_number_files();
}

static void variances(void) {
    static unsigned char bytes[MOST];
    static const char other_text[] =
        "[net]\nbatch=1\nheight=4\nwidth=4\nchannels=3\n"
        "[convolutional]\nfilters=6\nsize=3\npad=1\nbatch_normalize=1\nactivation=prelu\n"
        "[depthwise]\nsize=3\npad=1\nbatch_normalize=1\n";
    const float below = -.5f;
    dnx_net *net = build(), *other = make_net(other_text, "other.cfg", false, 1, 1);
    dnx_param list[DNX_MAX_PARAMS];
    size_t place = 0, more = dnx_weights_floats(other, other->n);
    for (int k = 0, n = dnx_net_params(net, 0, list); k < n && list[k].role != DNX_VARIANCE; k++)
        place += list[k].count;
    memcpy(bytes, good, good_size);
    memcpy(bytes + HEADER_BYTES + 4 * (place + 2), &below, sizeof below);
    REFUSES("a variance", bytes, good_size,
            "variance of channel 2 of layer 0 [convolutional] is -0.5, below 0: damaged, or of "
            "another network");
    REFUSES("a variance of another network", bytes, HEADER_BYTES + 4 * more,
            "of another network: this one has %zu floats, the file %zu; layer 0 [convolutional] or "
            "an earlier one has another size there",
            floats, more);
    dnx_net_free(net);
    dnx_net_free(other);
}

static void cannot_save(const char *name, const char *path, const char *text) {
    char want[600];
    dnx_net *net = build();
    dnx_err err = {0};
    dnx_status st = dnx_weights_save(net, path, &err);
    snprintf(want, sizeof want, "%s: %s", path, text);
    check(st == DNX_EIO, "%s: status %d", name, (int)st);
    check(!strcmp(err.text, want), "%s:\n  expected: %s\n  got:      %s", name, want, err.text);
    dnx_net_free(net);
}

static void saves(void) {
    static unsigned char now[MOST];
    char path[128];
    struct stat s;
    snprintf(path, sizeof path, "%s/none/a.weights", folder);
    cannot_save("into a missing folder", path, "cannot write: No such file or directory");
    cannot_save("over a directory", folder, "cannot write: not a regular file");
    check(!stat(folder, &s) && S_ISDIR(s.st_mode), "the directory is gone");

    /* If saving renamed its new file onto a device, the test would destroy /dev/full. So the test
     * saves onto a pipe first. */
    int before = failed;
    snprintf(path, sizeof path, "%s/pipe", folder);
    if (mkfifo(path, 0600)) check(false, "mkfifo: %s", strerror(errno));
    cannot_save("onto a pipe", path, "cannot write: not a regular file");
    check(!lstat(path, &s) && S_ISFIFO(s.st_mode), "the pipe is gone");
    unlink(path);
    if (failed == before && !stat("/dev/full", &s) && S_ISCHR(s.st_mode)) {
        cannot_save("onto /dev/full", "/dev/full", "cannot write: not a regular file");
        check(!lstat("/dev/full", &s) && S_ISCHR(s.st_mode), "/dev/full is no device any more");
    }

    /* A limit on the size of files acts like a full disk. */
    snprintf(path, sizeof path, "%s/kept", folder);
    write_bytes(path, good, good_size);
    struct rlimit old, tight;
    if (getrlimit(RLIMIT_FSIZE, &old)) check(false, "getrlimit: %s", strerror(errno));
    tight = old;
    tight.rlim_cur = 100;
    signal(SIGXFSZ, SIG_IGN);
    fflush(stdout);
    setrlimit(RLIMIT_FSIZE, &tight);
    cannot_save("past the size limit", path, "cannot write: File too large");
    setrlimit(RLIMIT_FSIZE, &old);
    check(read_bytes(path, now, MOST) == good_size && !memcmp(now, good, good_size),
          "a save that was cut off has changed the file");
    unlink(path);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash must not lose what was printed */
    make_folder();
    snprintf(file, sizeof file, "%s/a.weights", folder);
    round_trip();
    old_header();
    cuts();
    bad_files();
    variances();
    saves();
    unlink(file);
    if (rmdir(folder)) check(false, "%s: %s: something was left behind", folder, strerror(errno));
    return summary();
}
