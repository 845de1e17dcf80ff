/* fuzz_pairs.c - libFuzzer target: the input is a list of pairs. */
#include <stdlib.h>

#include "face/pairs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pairs_must(bool ok) {
    if (!ok) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dnx_err err = {0};
    dnx_pairs p;
    dnx_status st = dnx_pairs_copy((const char *)data, size, "fuzz", &p, &err);
    size_t same = 0;
    pairs_must(!st == !err.text[0]);
    for (size_t i = 0; !st && i < p.n; i++) {
        const dnx_face_pair *m = &p.pair[i];
        pairs_must(*m->name[0] && *m->name[1] && m->fold >= 0 && m->fold < p.folds);
        same += m->same;
    }
    if (!st) pairs_must(same && same < p.n);
    dnx_pairs_free(&p);
    return 0;
}
