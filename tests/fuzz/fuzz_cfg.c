/* fuzz_cfg.c - libFuzzer target: the input is a .cfg. Only tiny networks are built and run. */
#include "fuzz/file.h"
#include "net/cfg.h"
#include "net/net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool cfg_is_tiny(const char *text) {
    double product = 1;
    for (const char *p = text; *p;) {
        char *end;
        double v = *p >= '0' && *p <= '9' ? strtod(p, &end) : 0;
        if (v == 0) {
            p++;
            continue;
        }
        if (v > 64) return false;
        if (v > 1) product *= v;
        p = end;
    }
    return product < 4194304;
}

static void cfg_build(const dnx_cfg *cfg) {
    dnx_err err = {0};
    dnx_net *net;
    dnx_status st = dnx_net_build(cfg, &(dnx_build){.batch = 1, .threads = 1}, &net, &err);
    fuzz_must(!st == (net != NULL) && !st == !err.text[0]);
    if (!st) st = dnx_net_prepare(net, &err);
    float *x = st ? NULL : calloc(dnx_size(net->in), sizeof *x);
    if (x) dnx_net_predict(net, x, 1);
    free(x);
    dnx_net_free(net);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dnx_err err = {0};
    dnx_cfg *cfg = NULL;
    char *text = malloc(size + 1);
    if (!text) return 0;
    if (size) memcpy(text, data, size);
    text[size] = 0;
    dnx_status st = dnx_cfg_parse(text, size, "fuzz.cfg", &cfg, &err);
    fuzz_must(!st == !err.text[0]);
    if (!st && cfg_is_tiny(text)) cfg_build(cfg);
    if (!st) dnx_cfg_free(cfg);
    free(text);
    return 0;
}
