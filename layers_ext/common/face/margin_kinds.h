/* margin_kinds.h - the kinds of margins, for the processor and the GPU. margin.h has their
 * formulas. */
#ifndef DNX_MARGIN_KINDS_H
#define DNX_MARGIN_KINDS_H

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
#endif
