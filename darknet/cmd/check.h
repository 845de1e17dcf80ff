/* check.h - what `darknet check` prints with -json, -dot and -svg. */
#ifndef DNX_CMD_CHECK_H
#define DNX_CMD_CHECK_H
#include "net/net.h"

typedef struct {
    double all, some; /* bytes that training needs for `batch` images and for `few` */
    int batch, few, threads;
} dnx_check_training;

/* Prints the network as one JSON object, for -json. weights: the file that was loaded, or NULL.
 * why: the reason why the network cannot be trained, or NULL. */
void dnx_check_json(dnx_net *net, const char *weights, const dnx_check_training *t,
                    const char *why);
/* Print the network as a graph: in the language of Graphviz, or as an SVG picture. */
void dnx_draw_dot(const dnx_net *net);
void dnx_draw_svg(const dnx_net *net);
#endif
