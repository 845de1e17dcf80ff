/* view.c - keeps the list of sections that show a network in a viewer. */
#include "layer/view.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/activations.h"

#define MOST 4096 /* most bytes of a section's options */

int dnx_show(dnx_view *v, const char *section, const int *from, int n, dnx_shape out,
             const char *options, ...) {
    char text[MOST] = "";
    va_list args;
    va_start(args, options);
    if (options) vsnprintf(text, sizeof text, options, args);
    va_end(args);
    const bool fits = dnx_grow(&v->list, (size_t)v->n, &v->room, sizeof *v->list);
    char *copy = fits ? strdup(text) : NULL;
    if (!copy) {
        v->no_memory = true;
        return -1;
    }
    dnx_shown *s = &v->list[v->n];
    *s = (dnx_shown){.section = section, .options = copy, .n = n, .out = out, .layer = v->layer};
    memcpy(s->from, from, sizeof *from * (size_t)n);
    return v->n++;
}

int dnx_show_convolution(dnx_view *v, int from, dnx_shape out, const dnx_convolution *c,
                         const char *more) {
    int length;
    const char *act = dnx_option_word(DNX_ACT_WORDS, c->activation, &length);
    return dnx_show(v, "convolutional", &from, 1, out,
                    "filters=%d\nsize=%d\nstride=%d\npad=0\npadding=%d\ngroups=%d\n%s"
                    "%sactivation=%.*s\n",
                    out.c, c->size, c->stride, c->pad, c->groups,
                    c->has_norm ? "batch_normalize=1\n" : "", more, length, act);
}

void dnx_view_free(dnx_view *v) {
    if (!v) return;
    for (int i = 0; i < v->n; i++) free(v->list[i].options);
    free(v->list);
}
