/* judge.c - reads which number (accuracy, TAR or rank-1) compares networks, and writes this number
 * as words. */
#include "face/judge.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char tar[] = "tar@";

bool dnx_judge_read(const char *text, dnx_judge *j) {
    *j = (dnx_judge){.kind = DNX_BY_ACCURACY};
    if (!text) text = "accuracy";
    if (strlen(text) >= sizeof j->name) return false;
    strcpy(j->name, text);
    if (!strcmp(text, "accuracy")) return true;
    j->kind = DNX_BY_RANK_1;
    if (!strcmp(text, "rank-1")) return true;
    j->kind = DNX_BY_TAR;
    if (strncmp(text, tar, strlen(tar))) return false;
    const char *rate = text + strlen(tar);
    char *end;
    j->rate = strtod(rate, &end);
    return *rate && !*end && strspn(rate, "0123456789.e-") == strlen(rate) && j->rate > 0 &&
           j->rate <= .5;
}

const char *dnx_judge_column(const dnx_judge *j) {
    return j->kind == DNX_BY_ACCURACY ? "pairs" : j->name;
}

void dnx_judge_text(const dnx_judge *j, double result, char *out, size_t size) {
    const char *rate = j->name + strlen(tar);
    if (j->kind == DNX_BY_TAR && isnan(result))
        snprintf(out, size, "TAR at FAR %s is not measurable", rate);
    else if (j->kind == DNX_BY_TAR)
        snprintf(out, size, "TAR %.2f %% at FAR %s", 100 * result, rate);
    else if (j->kind == DNX_BY_RANK_1) snprintf(out, size, "rank-1 %.2f %%", 100 * result);
    else snprintf(out, size, "%.2f %% of the pairs are right", 100 * result);
}
