/* fuzz_bin.c - libFuzzer target: the input is a verification set (.bin). */
#include <stdlib.h>

#include "data/binset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dnx_err err = {0};
    dnx_binset s;
    dnx_status st = dnx_binset_parse(data, size, "fuzz.bin", &s, &err);
    unsigned sum = 0;
    if (!st != !err.text[0] || (!st && (!s.n || s.n % 2))) abort();
    for (size_t i = 0; !st && i < s.n; i++) {
        if (!s.image[i].n) abort();
        sum += s.image[i].bytes[0] + s.image[i].bytes[s.image[i].n - 1] + s.same[i / 2];
    }
    dnx_binset_close(&s);
    (void)sum;
    return 0;
}
