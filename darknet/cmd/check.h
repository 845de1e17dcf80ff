/* check.h - what `darknet check` prints beside its table. */
#ifndef DNX_CMD_CHECK_H
#define DNX_CMD_CHECK_H
#include "net/net.h"

typedef struct {
    double all, some; /* bytes that training needs for `batch` images and for `few` */
    int batch, few, threads;
} dnx_check_training;

/* -json: prints one JSON object to stdout: the network's options, its layers with shapes, options
 * and parameters in the order of the weights file, totals, memory and notes. weights: the file that
 * was loaded, for the fingerprint of the features (net/fingerprint.h), or NULL. why: the reason
 * when the network cannot be trained; else NULL. */
void dnx_check_json(dnx_net *net, const char *weights, const dnx_check_training *t,
                    const char *why);
/* -dot: prints the network in the language of Graphviz to stdout: a box for each layer with its
 * output's shape, parameters and multiply-adds, an arrow for each input. */
void dnx_draw_dot(const dnx_net *net);
/* -svg: prints these boxes and arrows as an SVG picture to stdout, layers from top to bottom. */
void dnx_draw_svg(const dnx_net *net);
#endif
