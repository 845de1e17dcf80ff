/* half.c - converts 32-bit floats to 16-bit floats and back. */
#include "base/half.h"

#include <math.h>
#include <string.h>

/* exponent bias of float32 (127) minus exponent bias of float16 (15) */
#define BIAS (127u - 15u)

uint16_t dnx_to_half(float v) {
    const float a = fabsf(v);
    uint32_t sign = signbit(v) ? 0x8000u : 0, bits;
    if (isnan(v)) return (uint16_t)(sign | 0x7e00u);
    if (a >= 65520) return (uint16_t)(sign | 0x7c00u);
    if (a < 0x1p-14f) return (uint16_t)(sign | (uint32_t)nearbyintf(a * 0x1p24f)); /* subnormal */
    memcpy(&bits, &a, sizeof bits);
    bits += 0xfff + (bits >> 13 & 1); /* rounds to nearest; a carry increments the exponent */
    return (uint16_t)(sign | ((bits >> 13) - (BIAS << 10)));
}

bool dnx_fits_half(float v) { return fabsf(v) < 65520; }

float dnx_from_half(uint16_t h) {
    const uint32_t e = h >> 10 & 31, m = h & 1023u;
    const uint32_t bits = (e == 31 ? 255u : e + BIAS) << 23 | m << 13;
    float v = (float)m * 0x1p-24f;
    if (e) memcpy(&v, &bits, sizeof v);
    return h & 0x8000 ? -v : v;
}
