/* fuzz_landmarks.c - libFuzzer target: the input is a landmark file. */
#include <math.h>
#include <string.h>

#include "face/landmarks.h"
#include "fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = fuzz_path("landmarks");
    dnx_err err = {0};
    if (!fuzz_write(path, data, size)) return 0;
    dnx_landmarks l;
    dnx_status st = dnx_landmarks_read(path, -1, &l, &err);
    size_t faces = 0;
    fuzz_must(!st == !err.text[0]);
    for (size_t i = 0; !st && i < l.n; i++) {
        fuzz_must(l.image[i].first == faces);
        fuzz_must(!i || strcmp(l.image[i - 1].path, l.image[i].path) < 0);
        for (size_t k = 0; k < l.image[i].n; k++, faces++)
            for (int p = 0; p < DNX_POINTS; p++)
                fuzz_must(isfinite(l.face[faces].x[p]) && isfinite(l.face[faces].y[p]));
    }
    if (!st) fuzz_must(faces == l.faces);
    dnx_landmarks_free(&l);
    unlink(path);
    return 0;
}
