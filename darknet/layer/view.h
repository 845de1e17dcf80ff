/* view.h - optional: how a layer is described to users. Viewers such as Netron know only the
 * sections of Darknet's cfg files. A type may set show() when viewers do not know its section or
 * misread its options. */
#ifndef DNX_VIEW_H
#define DNX_VIEW_H
#include "layer/compression.h"

/* A section of the cfg for the viewer. Sections are numbered from 0. */
typedef struct {
    const char *section;     /* the section's name; the text must outlive the view */
    char *options;           /* lines "key=value\n" */
    int n, from[DNX_MAX_IN]; /* the sections that this section reads; -1: the image */
    dnx_shape out;
    int layer; /* the layer that this section shows, fully or in part */
} dnx_shown;

/* The sections added so far. An empty view is all zeros. */
typedef struct dnx_view {
    dnx_shown *list;
    int n;
    size_t room;
    int layer;            /* the layer that is being shown */
    int from[DNX_MAX_IN]; /* the sections that give this layer's inputs; -1: the image */
    bool no_memory;       /* memory ran out, and a section is missing */
} dnx_view;

typedef struct dnx_description {
    /* Adds to v the sections that show the layer. Without this member, netron.c chooses them. */
    void (*show)(const dnx_node *n, dnx_view *v);
    /* Returns the name of the algorithm that make() chose. NULL in a type with one algorithm. */
    const char *(*algorithm)(const dnx_node *n);
} dnx_description;

/* Adds a section that reads the sections from[0..n-1], and returns its number. options: a printf()
 * format for lines "key=value\n", or NULL. When memory runs out, returns -1 and sets no_memory. */
__attribute__((format(printf, 6, 7))) int dnx_show(dnx_view *v, const char *section,
                                                   const int *from, int n, dnx_shape out,
                                                   const char *options, ...);
/* Adds a [convolutional] section with out.c filters that reads section `from`. more: further lines
 * "key=value\n". Returns its number, or -1 as dnx_show(). */
int dnx_show_convolution(dnx_view *v, int from, dnx_shape out, const dnx_convolution *c,
                         const char *more);
void dnx_view_free(dnx_view *v);
#endif
