/* half.h - IEEE half precision (binary16) in software. */
#ifndef DNX_HALF_H
#define DNX_HALF_H
#include <stdint.h>

/* To the nearest, ties to even; infinity from 65520 on. */
uint16_t dnx_to_half(float v);
float dnx_from_half(uint16_t h);
#endif
