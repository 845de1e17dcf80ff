/* half.h - IEEE half precision (binary16) in software. */
#ifndef DNX_HALF_H
#define DNX_HALF_H
#include <stdbool.h>
#include <stdint.h>

/* Rounds to nearest, ties to even. |v| >= 65520 becomes infinite. */
uint16_t dnx_to_half(float v);
/* Returns true when v stays finite as a half float; false for NaN. */
bool dnx_fits_half(float v);
float dnx_from_half(uint16_t h);
#endif
