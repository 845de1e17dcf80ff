/* kernels_plain.c - the kernels for any processor: four floats at a time, no fused multiply-add. */
#define SET plain
#define VW 4
#define MR 4
#include "kernels/kernels.inc.h"
