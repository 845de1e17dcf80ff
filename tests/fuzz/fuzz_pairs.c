/* fuzz_pairs.c - libFuzzer target: the input is a list of pairs. */
#include "face/pairs.h"
#include "fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = fuzz_path("pairs");
    dnx_err err = {0};
    if (!fuzz_write(path, data, size)) return 0;
    dnx_pairs p;
    dnx_status st = dnx_pairs_open(path, &p, &err);
    size_t same = 0;
    fuzz_must(!st == !err.text[0]);
    for (size_t i = 0; !st && i < p.n; i++) {
        const dnx_face_pair *m = &p.pair[i];
        fuzz_must(*m->name[0] && *m->name[1] && m->fold >= 0 && m->fold < p.folds);
        same += m->same;
    }
    if (!st) fuzz_must(same && same < p.n);
    dnx_pairs_free(&p);
    unlink(path);
    return 0;
}
