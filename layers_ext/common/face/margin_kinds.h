/* margin_kinds.h - the kinds and options of margins, for the processor and the GPU. margin.h has
 * the formulas. */
#ifndef DNX_MARGIN_KINDS_H
#define DNX_MARGIN_KINDS_H
#include <stdbool.h>

enum {
    DNX_MARGIN_NONE,
    DNX_MARGIN_SPHEREFACE,
    DNX_MARGIN_AM,
    DNX_MARGIN_ARCFACE,
    DNX_MARGIN_COMBINED,
    DNX_MARGIN_MV_AM,
    DNX_MARGIN_MV_ARC,
    DNX_MARGIN_SV_AM,
    DNX_MARGIN_SV_ARC,
    DNX_MARGIN_D_SOFTMAX
};
#define DNX_MARGIN_WORDS                                                                           \
    "none|sphereface/a-softmax|am/cosface/am-softmax|arcface/aam-softmax|combined|mv-am|mv-arc|"   \
    "sv-am|sv-arc|d-softmax"

typedef struct {
    int kind;
    bool is_easy, is_ste; /* is_ste: the gradient uses f' = 1 (straight-through) */
    double s, m, m1, m2, m3, t, smoothing;
    double ramp; /* 0..1: factor of the margin */
} dnx_margin;
#endif
