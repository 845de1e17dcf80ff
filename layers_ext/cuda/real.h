/* real.h - functions of doubles on the device, which has no library for them. */
#ifndef DNX_CUDA_REAL_H
#define DNX_CUDA_REAL_H
#include "cuda/target.h"

#define REAL_PI 3.14159265358979323846
#define REAL_LARGE 1e300 /* real_log() returns a larger x unchanged, also infinity */

typedef union {
    double value;
    unsigned long long bits;
} real_bits;

/* Return infinity and NaN, which have no constant on the device. */
DEVICE double real_infinity(void) {
    real_bits r;
    r.bits = 0x7ff0000000000000ull;
    return r.value;
}
DEVICE double real_nan(void) {
    real_bits r;
    r.bits = 0x7ff8000000000000ull;
    return r.value;
}
/* Returns 2^n for -1022 <= n <= 1023. */
DEVICE double real_power(int n) {
    real_bits r;
    r.bits = (unsigned long long)(n + 1023) << 52;
    return r.value;
}
/* Returns x rounded down to a whole number, for |x| < 2^63. */
DEVICE double real_floor(double x) {
    const double whole = (double)(long long)x;
    return whole > x ? whole - 1 : whole;
}

/* Returns e^x = 2^n e^r with |r| <= ln 2 / 2; 0 for x < -700, infinity for x > 709. */
DEVICE double real_exp(double x) {
    if (x != x) return x;
    if (x < -700) return 0;
    if (x > 709) return real_infinity();
    const double n = real_floor(x * 1.4426950408889634 + .5);
    const double r = x - n * .693147180369123816490 - n * 1.90821492927058770002e-10;
    double sum = 1;
    UNROLL for (int k = 13; k > 0; k--) sum = 1 + sum * r * (1. / k);
    return sum * real_power((int)n);
}

/* Returns 2 atanh(t) = ln((1 + t) / (1 - t)) for |t| <= 1/3, by its Taylor series. */
DEVICE double real_atanh2(double t) {
    const double square = t * t;
    double sum = 0;
    UNROLL for (int k = 33; k > 0; k -= 2) sum = sum * square + 1. / k;
    return 2 * t * sum;
}
/* Returns ln x = e ln 2 + ln m with x = 2^e m and sqrt(1/2) <= m <= sqrt(2). */
DEVICE double real_log(double x) {
    if (!(x > 0)) return x == 0 ? -real_infinity() : real_nan();
    if (x > REAL_LARGE) return x;
    real_bits r;
    r.value = x;
    int e = (int)(r.bits >> 52) - 1023;
    r.bits = (r.bits & 0xfffffffffffffull) | 0x3ff0000000000000ull;
    if (r.value > 1.4142135623730951) {
        r.value /= 2;
        e++;
    }
    return e * .693147180559945309417 + real_atanh2((r.value - 1) / (r.value + 1));
}
/* Returns ln(1 + e^u). */
DEVICE double real_softplus(double u) {
    const double e = real_exp(u > 0 ? -u : u);
    return (u > 0 ? u : 0) + real_atanh2(e / (2 + e));
}

/* Returns cos x for |x| < 1e6. With x = n pi/2 + r, cos x is cos r, -sin r, -cos r or sin r for n
 * mod 4 = 0 to 3. Taylor series give cos r and sin r. */
DEVICE double real_cos(double x) {
    const double n = real_floor(x / (REAL_PI / 2) + .5);
    const double r = x - n * 1.57079632673412561417 - n * 6.07710050650619224932e-11;
    const double square = r * r;
    const int quarter = (int)((long long)n & 3);
    double sine = 1, cosine = 1;
    UNROLL for (int k = 18; k > 0; k -= 2) {
        cosine = 1 - cosine * square * (1. / (k * (k - 1)));
        sine = 1 - sine * square * (1. / (k * (k + 1)));
    }
    sine *= r;
    return quarter == 0 ? cosine : quarter == 1 ? -sine : quarter == 2 ? -cosine : sine;
}
DEVICE double real_sin(double x) { return real_cos(x - REAL_PI / 2); }

/* Returns asin y for |y| up to about 1/2, by its Taylor series. */
DEVICE double real_asin(double y) {
    const double square = y * y;
    double term = y, sum = y;
    for (int k = 1; k < 60; k += 2) {
        term *= square * k / (k + 1);
        sum += term / (k + 2);
    }
    return sum;
}
/* Returns acos c. A c outside of -1..1 counts as -1 or 1. */
DEVICE double real_acos(double c) {
    const double size = c < 0 ? -c : c;
    if (size <= .5) return REAL_PI / 2 - real_asin(c);
    const double half = real_asin(size < 1 ? SQRT((1 - size) / 2) : 0);
    return c < 0 ? REAL_PI - 2 * half : 2 * half;
}
#endif
