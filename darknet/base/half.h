/* half.h - IEEE half precision (binary16) in software. */
#ifndef DNX_HALF_H
#define DNX_HALF_H
#include <stdbool.h>
#include <stdint.h>

/* To the nearest, ties to even; infinity from 65520 on. */
uint16_t dnx_to_half(float v);
bool dnx_fits_half(float v); /* false: it would become infinite, or is NaN or infinite */
float dnx_from_half(uint16_t h);
#endif
