/* half.c - numbers of 16 bits, for files. */
#include <string.h>

#include "dnx.h"

static uint16_t pack(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    uint16_t sign = (uint16_t)(u >> 16 & 0x8000u);
    u &= 0x7fffffffu;
    if (u > 0x7f800000u) return sign | 0x7e00u;  /* NaN */
    if (u >= 0x477ff000u) return sign | 0x7bffu; /* would round to infinity */
    if (u < 0x38800000u) { /* below 2^-14: a whole number of 2^-24 */
        float v;
        memcpy(&v, &u, sizeof v);
        v = v * 16777216.f + 8388608.f; /* rounds to the nearest, ties to even */
        memcpy(&u, &v, sizeof u);
        return sign | (uint16_t)(u & 0xffffu);
    }
    u += 0xfffu + (u >> 13 & 1u); /* to the nearest, ties to even */
    return sign | (uint16_t)((u - 0x38000000u) >> 13);
}

static float unpack(uint16_t h) {
    uint32_t u = (uint32_t)(h & 0x7fffu) << 13, sign = (uint32_t)(h & 0x8000u) << 16;
    float f;
    if (u >= 0x0f800000u) u += 0x70000000u; /* infinity, NaN */
    else if (u >= 0x00800000u) u += 0x38000000u;
    else {
        f = (float)(h & 0x3ffu) / 16777216.f;
        memcpy(&u, &f, sizeof u);
    }
    u |= sign;
    memcpy(&f, &u, sizeof f);
    return f;
}

void dnx_half_pack(const float *v, size_t n, uint16_t *half) {
    for (size_t i = 0; i < n; i++) half[i] = pack(v[i]);
}

void dnx_half_unpack(const uint16_t *half, size_t n, float *v) {
    for (size_t i = 0; i < n; i++) v[i] = unpack(half[i]);
}
