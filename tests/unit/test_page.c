/* test_page.c - tests the curves on the web page that shows a training. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lib/check.h"
#include "train/page_curve.h"

enum { COLUMNS = 10, LOSS = 2 };

static void add(dnx_curve *c, int batch, double loss, const char *pairs) {
    char line[200];
    snprintf(line, sizeof line, "%d,%.4f,%.9g,0.1,100.0,0.5,,%s,,\n", batch, batch / 8., loss,
             pairs);
    dnx_curve_add(c, line);
}

static dnx_curve make(int lines) {
    dnx_curve c;
    check(!dnx_curve_make(&c, COLUMNS, NULL), "makes");
    for (int i = 1; i <= lines; i++) add(&c, i, i, i == 1000 ? "0.75" : "");
    return c;
}

static float value(const dnx_curve *c, size_t i, int column) {
    return c->value[i * COLUMNS + (size_t)column];
}

static void thinning(void) {
    const int lines = 5 * DNX_CURVE_POINTS + 3; /* so many that 8 lines make a point of the curve */
    dnx_curve c = make(lines);
    bool means = true, once = true;
    for (size_t i = 0; i < c.n; i++) {
        means &= c.batch[i] == 8. * (double)(i + 1);
        means &= fabsf(value(&c, i, LOSS) - (float)(8 * i) - 4.5f) < 1e-3f;
        once &= isnan(value(&c, i, DNX_LOG_VERIFIED)) == (i != 999 / 8);
    }
    check(c.stride == 8 && c.n == (size_t)lines / 8 && c.lines == (size_t)lines % 8,
          "%zu points of %zu lines, %zu more", c.n, c.stride, c.lines);
    check(means, "a point: the mean of its lines, at the last one's batch");
    check(once && value(&c, 999 / 8, DNX_LOG_VERIFIED) == .75f, "the verification is there, once");
    dnx_curve_end(&c);
    check(c.lines == 0 && c.batch[c.n - 1] == lines, "the end takes what is no whole point");
    dnx_curve_free(&c);
}

static void amending(void) {
    dnx_curve c = make(3);
    const unsigned version = c.version;
    add(&c, 3, 9, "0.5");
    check(c.n == 3 && value(&c, 2, LOSS) == 3 && value(&c, 2, DNX_LOG_VERIFIED) == .5f,
          "a second line of a batch brings its verification alone");
    check(c.version != version, "and tells that a point has changed");
    add(&c, 4, 1, "");
    add(&c, 4, 1, "");
    check(c.n == 4 && isnan(value(&c, 3, DNX_LOG_VERIFIED)),
          "one without a verification is nothing");
    dnx_curve_free(&c);
}

static void others(void) {
    static const char *const lines[] = {"",
                                        "\n",
                                        "batch,epoch\n",
                                        "1,2\n",
                                        ",,,,,,,,,\n",
                                        "x,,,,,,,,,\n",
                                        "5,6,7,8,9,1,1,,,,\n",
                                        "1,2,3 4,5,6,7,,,,\n"};
    dnx_curve c = make(2);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) dnx_curve_add(&c, lines[i]);
    check(c.n == 2 && c.batch[1] == 2, "what is no line of the log changes nothing");
    dnx_curve_free(&c);
}

static void copying(void) {
    dnx_curve c = make(100), d;
    char text[COLUMNS * DNX_CURVE_TEXT], other[COLUMNS * DNX_CURVE_TEXT];
    check(!dnx_curve_make(&d, COLUMNS, NULL), "makes");
    bool same = true;
    for (int i = 101; i < 3 * DNX_CURVE_POINTS; i++) {
        add(&c, i, i, i % 500 ? "" : "0.5");
        if (i % 77) continue;
        dnx_curve_copy(&d, &c);
        same &= d.n == c.n && d.version == c.version;
        for (size_t k = 0; k < c.n; k++) {
            dnx_curve_text(&c, k, text);
            dnx_curve_text(&d, k, other);
            same &= !strcmp(text, other);
        }
    }
    check(same, "a copy that is brought up to date is equal");
    dnx_curve_text(&c, 0, text);
    check(!strcmp(text, "4,0.5,2.5,0.1,100,0.5,,,,"), "as a line: %s", text);
    dnx_curve_free(&c);
    dnx_curve_free(&d);
}

int main(void) {
    thinning();
    amending();
    others();
    copying();
    return summary();
}
