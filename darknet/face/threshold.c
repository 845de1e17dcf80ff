/* threshold.c - reads threshold.json: one flat object of JSON. */
#include "face/threshold.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"

enum { MOST_BYTES = 1 << 20, MOST_TEXT = 64 };

static dnx_status bad(const char *file, const char *why, dnx_err *err) {
    return dnx_fail_at(err, DNX_EPARSE, file, "%s", why);
}

static const char *skip_space(const char *s) {
    while (isspace((unsigned char)*s)) s++;
    return s;
}

/* Reads a word, in quotes or not. Returns the text after it, or NULL when there is no word. */
static const char *read_word(const char *s, char *out, size_t room) {
    const bool is_quoted = *s == '"';
    size_t n = 0;
    for (s += is_quoted; *s && (is_quoted ? *s != '"' : !strchr(",} \t\r\n", *s)); s++) {
        if (n + 1 < room) out[n++] = *s;
        if (is_quoted && *s == '\\' && s[1]) s++;
    }
    out[n] = 0;
    if (is_quoted) return *s == '"' ? s + 1 : NULL;
    return n ? s : NULL;
}

enum { FORMAT, THRESHOLD, RATE, NETWORK, FLIP, KEYS };
static const char *const keys[KEYS] = {"format", "threshold", "false_match_rate", "network",
                                       "flip"};
typedef char fields[KEYS][MOST_TEXT];

/* Stores the values of `keys` in f. Returns false for malformed JSON. */
static bool read_fields(const char *s, fields f) {
    s = skip_space(s);
    if (*s++ != '{') return false;
    for (s = skip_space(s); *s != '}'; s = skip_space(s)) {
        char key[MOST_TEXT], value[MOST_TEXT];
        if (*s != '"' || !(s = read_word(s, key, sizeof key))) return false;
        s = skip_space(s);
        if (*s++ != ':') return false;
        if (!(s = read_word(skip_space(s), value, sizeof value))) return false;
        for (int i = 0; i < KEYS; i++)
            if (!strcmp(key, keys[i])) memcpy(f[i], value, sizeof value);
        s = skip_space(s);
        if (*s == ',') s++;
        else if (*s != '}') return false;
    }
    return !*skip_space(s + 1);
}

static bool number(const char *text, double *v) {
    char *end;
    *v = strtod(text, &end);
    return *text && !*end && isfinite(*v);
}

static dnx_status take(fields f, const char *file, dnx_threshold *t, dnx_err *err) {
    char *end;
    if (strcmp(f[FORMAT], "darknet threshold 1"))
        return bad(file,
                   "is not a threshold: eval_lfw.py and eval_identification.py write "
                   "threshold.json",
                   err);
    if (!number(f[THRESHOLD], &t->cosine) || fabs(t->cosine) > 1 + 1e-6)
        return bad(file, "threshold: must be a number from -1 to 1", err);
    if (!number(f[RATE], &t->rate) || !(t->rate > 0 && t->rate < 1))
        return bad(file, "false_match_rate: must be a number between 0 and 1", err);
    if (strcmp(f[FLIP], "none"))
        return bad(file, "is of features with mirrored images; measure it without --flip", err);
    t->has_network = strcmp(f[NETWORK], "null") != 0;
    t->network = strtoull(f[NETWORK], &end, 16);
    if (t->has_network && (!f[NETWORK][0] || *end))
        return bad(file, "network: must be 16 hexadecimal digits or null", err);
    t->is_known = true;
    return DNX_OK;
}

dnx_status dnx_threshold_read(const char *text, dnx_threshold *t, dnx_err *err) {
    size_t len;
    fields f = {{0}};
    *t = (dnx_threshold){.is_known = false};
    if (!text) return DNX_OK;
    if (number(text, &t->cosine)) {
        t->is_known = true;
        if (fabs(t->cosine) <= 1) return DNX_OK;
        return dnx_fail_at(err, DNX_EPARSE, NULL, "-threshold %s: a cosine is from -1 to 1", text);
    }
    char *data = dnx_file_read_most(text, MOST_BYTES, &len);
    if (!data && errno == ENOENT)
        return dnx_fail_at(err, DNX_EIO, NULL,
                           "-threshold %s: is neither a number, such as 0.4, nor a file", text);
    if (!data) return dnx_fail_at(err, DNX_EIO, text, "cannot open: %s", strerror(errno));
    dnx_status st = !memchr(data, 0, len) && read_fields(data, f)
                        ? take(f, text, t, err)
                        : bad(text, "is not a threshold.json", err);
    free(data);
    return st;
}

dnx_status dnx_threshold_fits(const dnx_threshold *t, const char *text, uint64_t network,
                              dnx_err *err) {
    if (!t->has_network || t->network == network) return DNX_OK;
    return dnx_fail_at(err, DNX_EPARSE, text,
                       "was measured with the network %016" PRIx64 ", this is %016" PRIx64
                       ", or by an older version: measure it again",
                       t->network, network);
}
