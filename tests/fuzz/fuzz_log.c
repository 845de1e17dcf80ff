/* fuzz_log.c - libFuzzer target: the input is the CSV log of a training that continues after batch
 * 3. Opening the log keeps some lines, which must not change. */
#include <math.h>

#include "fuzz/file.h"
#include "train/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char log_cfg[] = "[net]\nbatch=1\nheight=2\nwidth=2\nchannels=3\nmax_batches=9\n"
                              "[connected]\noutput=3\n[softmax]\n";

static const dnx_net *log_net(void) {
    static dnx_net *net;
    dnx_cfg *cfg;
    if (net) return net;
    fuzz_must(!dnx_cfg_parse(log_cfg, sizeof log_cfg - 1, "fuzz.cfg", &cfg, NULL));
    fuzz_must(!dnx_net_build(cfg, &(dnx_build){.trains = true, .threads = 1}, &net, NULL));
    dnx_cfg_free(cfg);
    return net;
}

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
    const char *path = fuzz_path("log");
    const double losses[8] = {0};
    const dnx_log_line line = {.batch = 4,
                               .accuracy = NAN,
                               .verified = NAN,
                               .exclusivity = NAN,
                               .gradient = NAN,
                               .losses = losses};
    dnx_log log;
    if (size > 1 << 16 || !fuzz_write(path, data, size)) return 0;
    dnx_status st = dnx_log_open(&log, path, log_net(), "pairs", 3, NULL);
    if (st) { /* the log has verifications of another kind */
        fuzz_must(st == DNX_EOPTION);
        dnx_log_close(&log);
        return 0;
    }
    size_t kept = log.file.kept;
    if (dnx_log_lacks_verification(&log)) dnx_log_amend(&log, .5);
    dnx_log_write(&log, log_net(), &line);
    fuzz_must(!dnx_log_flush(&log, NULL));
    dnx_log_close(&log);
    log_check(path, data, kept);
    unlink(path);
    return 0;
}
