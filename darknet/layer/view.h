/* view.h - optional: how a layer is described to users. Viewers such as Netron know the sections of
 * Darknet's cfg files, and show nothing after any other section. A type sets show() when viewers do
 * not know its own section, or read its options in another way. */
#ifndef DNX_VIEW_H
#define DNX_VIEW_H
#include "layer/compression.h"

/* A section of the cfg for the viewer. Sections are numbered from 0. */
typedef struct {
    const char *section;     /* text that outlives the view */
    char *options;           /* lines "key=value\n" */
    int n, from[DNX_MAX_IN]; /* the sections that it reads; -1: the image */
    dnx_shape out;
    int layer; /* the layer that it shows, or is a part of */
} dnx_shown;

/* The sections so far. Zeros are an empty view. */
typedef struct dnx_view {
    dnx_shown *list;
    int n, room;
    int layer;            /* the layer that is being shown */
    int from[DNX_MAX_IN]; /* the sections whose outputs are its inputs */
    bool no_memory;       /* a section is missing */
} dnx_view;

/* A type sets .description to such a struct. */
typedef struct dnx_description {
    /* Shows the layer in a viewer by other sections. NULL: by its own section. */
    void (*show)(const dnx_node *n, dnx_view *v);
    /* Returns the algorithm that make() has chosen, in a few words. NULL: there is only one. */
    const char *(*algorithm)(const dnx_node *n);
} dnx_description;

/* Adds a section that reads n sections, and returns its number. The options are a format of printf
 * for lines "key=value\n", or NULL. When there is no memory it sets no_memory and returns -1. */
__attribute__((format(printf, 6, 7))) int dnx_show(dnx_view *v, const char *section,
                                                   const int *from, int n, dnx_shape out,
                                                   const char *options, ...);
/* Adds a convolution with out.c filters. more: other options, as lines. */
int dnx_show_convolution(dnx_view *v, int from, dnx_shape out, const dnx_convolution *c,
                         const char *more);
void dnx_view_free(dnx_view *v); /* what the view owns; NULL is nothing */
#endif
