/* fuzz_threshold.c - libFuzzer target: the input is a file threshold.json. */
#include <math.h>

#include "face/threshold.h"
#include "fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = fuzz_path("threshold");
    dnx_threshold t;
    dnx_err err = {0};
    fuzz_must(fuzz_write(path, data, size));
    dnx_status st = dnx_threshold_read(path, &t, &err);
    fuzz_must(!st == !err.text[0] && (st || t.is_known));
    if (!st) fuzz_must(fabs(t.cosine) < 1.01 && t.rate > 0 && t.rate < 1);
    unlink(path);
    return 0;
}
