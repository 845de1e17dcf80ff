/* page_curve.c - averages neighbouring lines of a log as the log grows. */
#include "train/page_curve.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

dnx_status dnx_curve_make(dnx_curve *c, int columns, dnx_err *err) {
    const size_t most = DNX_CURVE_POINTS;
    *c = (dnx_curve){.columns = columns, .stride = 1, .version = 1};
    c->value = calloc(most * (size_t)columns, sizeof *c->value);
    c->line = calloc((size_t)columns, sizeof *c->line);
    c->batch = calloc(most, sizeof *c->batch);
    return c->value && c->line && c->batch ? DNX_OK : dnx_no_memory(NULL, err);
}

void dnx_curve_free(dnx_curve *c) {
    free(c->value);
    free(c->line);
    free(c->batch);
    *c = (dnx_curve){0};
}

static float *point(const dnx_curve *c, size_t i) { return c->value + i * (size_t)c->columns; }

/* Merges v, the means over `lines` lines, into `to`, the means over the `had` lines before. */
static void mix(float *to, const float *v, int columns, size_t had, size_t lines) {
    const float share = (float)lines / (float)(had + lines);
    for (int k = 0; k < columns; k++) {
        if (isnan(v[k])) continue;
        bool is_last = k == DNX_LOG_BATCH || k == DNX_LOG_EPOCH || k == DNX_LOG_VERIFIED;
        to[k] = is_last || isnan(to[k]) ? v[k] : to[k] + (v[k] - to[k]) * share;
    }
}

static void halve(dnx_curve *c) {
    for (size_t i = 0; i < c->n / 2; i++) {
        memmove(point(c, i), point(c, 2 * i), sizeof(float) * (size_t)c->columns);
        mix(point(c, i), point(c, 2 * i + 1), c->columns, c->stride, c->stride);
        c->batch[i] = c->batch[2 * i + 1];
    }
    c->n /= 2;
    c->stride *= 2;
    c->version++;
}

/* Reads the numbers of a line, separated by commas. Stores the first `most` numbers in v, and the
 * first number also in *batch. An empty field is NAN. Returns the number of fields, or -1 when a
 * field is not a number. */
static int read_fields(const char *line, float *v, double *batch, int most) {
    for (int k = 0;; k++, line++) {
        char *end;
        const size_t n = strcspn(line, ",\n");
        double d = n ? strtod(line, &end) : NAN;
        if (n && end != line + n) return -1;
        if (k < most) v[k] = (float)d;
        if (!k) *batch = d;
        line += n;
        if (*line != ',') return k + 1;
    }
}

/* Stores the result of a repeated verification in point i, which contains the last line. */
static void add_verified(dnx_curve *c, size_t i, const float *v) {
    if (isnan(v[DNX_LOG_VERIFIED])) return;
    point(c, i)[DNX_LOG_VERIFIED] = v[DNX_LOG_VERIFIED];
    c->version += i < c->n;
}

void dnx_curve_add(dnx_curve *c, const char *line) {
    float *v = c->line;
    double batch = NAN;
    if (read_fields(line, v, &batch, c->columns) != c->columns || isnan(batch)) return;
    const size_t last = c->lines ? c->n : c->n - 1;
    if ((c->n || c->lines) && c->batch[last] == batch) {
        add_verified(c, last, v);
        return;
    }
    if (c->n == DNX_CURVE_POINTS) halve(c);
    if (c->lines) mix(point(c, c->n), v, c->columns, c->lines, 1);
    else memcpy(point(c, c->n), v, sizeof(float) * (size_t)c->columns);
    c->batch[c->n] = batch;
    if (++c->lines < c->stride) return;
    c->n++;
    c->lines = 0;
}

void dnx_curve_end(dnx_curve *c) {
    c->n += c->lines > 0;
    c->lines = 0;
}

void dnx_curve_copy(dnx_curve *to, const dnx_curve *from) {
    const size_t had = to->version == from->version ? to->n : 0, more = from->n - had;
    memcpy(point(to, had), point(from, had), sizeof(float) * more * (size_t)from->columns);
    memcpy(to->batch + had, from->batch + had, sizeof(double) * more);
    to->n = from->n;
    to->version = from->version;
}

size_t dnx_curve_text(const dnx_curve *c, size_t i, char *out) {
    const char *start = out;
    out += sprintf(out, "%.0f", c->batch[i]);
    for (int k = 1; k < c->columns; k++) {
        *out++ = ',';
        if (isfinite(point(c, i)[k])) out += sprintf(out, "%.6g", (double)point(c, i)[k]);
    }
    *out = 0;
    return (size_t)(out - start);
}
