/* bits_words.inc.h - filters packed in panels of PANEL, word by word: [N/PANEL][L][PANEL]. */
#include "bits.h"

static size_t packed_size(int L, int N) {
    return sizeof(uint64_t) * (size_t)L * (size_t)((N + PANEL - 1) / PANEL * PANEL);
}

static void pack(const uint64_t *rows, int L, int N, void *packed) {
    uint64_t *to = packed;
    for (int n = 0; n < N; n++)
        for (int l = 0; l < L; l++)
            to[((size_t)(n / PANEL) * (size_t)L + (size_t)l) * PANEL + (size_t)(n % PANEL)] =
                rows[(size_t)n * (size_t)L + (size_t)l];
}
