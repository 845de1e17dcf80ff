#include "half.h"

#include <math.h>

uint16_t dnx_to_half(float v) {
    unsigned sign = signbit(v) ? 0x8000u : 0;
    float a = fabsf(v);
    int e = 0;
    if (isnan(v)) return (uint16_t)(sign | 0x7e00u);
    if (a >= 65520) return (uint16_t)(sign | 0x7c00u);
    frexpf(a, &e); /* a = f * 2^e, .5 <= f < 1; halves have 11 bits, the smallest step is 2^-24 */
    int step = a == 0 || e < -13 ? -24 : e - 11;
    unsigned m = (unsigned)nearbyintf(ldexpf(a, -step)); /* 0 .. 2048 steps */
    /* Exponent field 1 is steps of 2^-24 from 1024 on; a carry to 2048 moves to the next field. */
    return (uint16_t)(sign | ((unsigned)(step + 24) * 1024 + m));
}

float dnx_from_half(uint16_t h) {
    int e = h >> 10 & 31, m = h & 1023;
    float v = e == 31 ? (m ? NAN : INFINITY) : e ? ldexpf((float)(m + 1024), e - 25)
                                                 : ldexpf((float)m, -24);
    return h & 0x8000 ? -v : v;
}
