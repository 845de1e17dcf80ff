/* fuzz_embeddings.c - libFuzzer target: the input is a file of features. */
#include <math.h>

#include "data/embeddings.h"
#include "fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = fuzz_path("embeddings");
    dnx_embeddings e;
    dnx_err err = {0};
    fuzz_must(fuzz_write(path, data, size));
    dnx_status st = dnx_embeddings_read(path, &e, &err);
    fuzz_must(!st == !err.text[0]);
    for (size_t i = 0; !st && i < e.n; i++) fuzz_must(e.name[i] != NULL);
    for (size_t i = 0; !st && i < e.n * e.dim; i++) fuzz_must(isfinite(e.v[i]));
    dnx_embeddings_free(&e);
    unlink(path);
    return 0;
}
