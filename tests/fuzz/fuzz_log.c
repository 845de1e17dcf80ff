/* fuzz_log.c - libFuzzer target: the input is the CSV log of a training that continues after batch
 * 3. Opening the log keeps some lines, which must not change. */
#include <math.h>

#include "fuzz/net.h"
#include "train/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char log_cfg[] = "[net]\nbatch=1\nheight=2\nwidth=2\nchannels=3\nmax_batches=9\n"
                              "[connected]\noutput=3\n[softmax]\n";

static void log_check(const char *path, const uint8_t *data, size_t kept) {
    static char text[1 << 17];
    FILE *f = fopen(path, "rb");
    fuzz_must(f != NULL);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    fuzz_must(n > kept && text[n - 1] == '\n' && !memcmp(text, data, kept));
    while (--n && text[n - 1] != '\n') {
    }
    fuzz_must(!strncmp(text + n, "4,0.0000,", 9));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const dnx_net *net;
    const char *path = fuzz_path("log");
    const double losses[8] = {0};
    const dnx_log_line line = {.batch = 4,
                               .accuracy = NAN,
                               .verified = NAN,
                               .exclusivity = NAN,
                               .gradient = NAN,
                               .losses = losses};
    dnx_log log;
    if (!net) net = fuzz_net(log_cfg, true);
    if (size > 1 << 16 || !fuzz_write(path, data, size)) return 0;
    dnx_status st = dnx_log_open(&log, path, net, "pairs", 3, NULL);
    const size_t kept = log.file.kept;
    /* DNX_EOPTION: the title of the old log's column of verifications is not "pairs". */
    fuzz_must(!st || st == DNX_EOPTION);
    if (!st && dnx_log_lacks_verification(&log, 3)) dnx_log_amend(&log, .5);
    if (!st) dnx_log_write(&log, net, &line);
    fuzz_must(st || !dnx_log_flush(&log, NULL));
    dnx_log_close(&log);
    if (!st) log_check(path, data, kept);
    unlink(path);
    return 0;
}
