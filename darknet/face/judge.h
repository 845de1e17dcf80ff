/* judge.h - the number by which a verification decides which weights are better. */
#ifndef DNX_JUDGE_H
#define DNX_JUDGE_H
#include "dnx.h"

typedef enum { DNX_BY_ACCURACY, DNX_BY_TAR, DNX_BY_RANK_1 } dnx_judge_kind;

typedef struct {
    dnx_judge_kind kind;
    double rate;   /* false-match rate of DNX_BY_TAR */
    char name[32]; /* "accuracy", "tar@1e-3" or "rank-1" */
} dnx_judge;

#define DNX_JUDGES "accuracy|tar@RATE|rank-1"

/* Reads one of DNX_JUDGES; NULL means accuracy. A RATE is above 0 and at most 0.5. Returns false
 * for any other text. */
bool dnx_judge_read(const char *text, dnx_judge *j);
/* Returns the title of the column in the training log, and of the curve in plots, that shows the
 * judge's number. */
const char *dnx_judge_column(const dnx_judge *j);
/* Writes a result (0..1, or NAN) as words, such as "TAR 43.20 % at FAR 1e-3". */
void dnx_judge_text(const dnx_judge *j, double result, char *out, size_t size);
#endif
