/* fuzz_landmarks.c - libFuzzer target: the input is a landmark file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "face/landmarks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void landmarks_must(bool ok) {
    if (!ok) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dnx_err err = {0};
    dnx_landmarks l;
    dnx_status st = dnx_landmarks_copy((const char *)data, size, "fuzz", -1, &l, &err);
    size_t faces = 0;
    landmarks_must(!st == !err.text[0]);
    for (size_t i = 0; !st && i < l.n; i++) {
        landmarks_must(l.image[i].first == faces);
        landmarks_must(!i || strcmp(l.image[i - 1].path, l.image[i].path) < 0);
        for (size_t k = 0; k < l.image[i].n; k++, faces++)
            for (int p = 0; p < DNX_POINTS; p++)
                landmarks_must(isfinite(l.face[faces].x[p]) && isfinite(l.face[faces].y[p]));
    }
    if (!st) landmarks_must(faces == l.faces);
    dnx_landmarks_free(&l);
    return 0;
}
