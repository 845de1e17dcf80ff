/* check_draw.h - a network as a picture: `check -dot` and `check -svg`. */
#ifndef DNX_CMD_CHECK_DRAW_H
#define DNX_CMD_CHECK_DRAW_H
#include "net/net.h"

/* Prints the network in the language of Graphviz to stdout: a box for each layer with its output's
 * shape, parameters and multiply-adds, an arrow for each input. */
void dnx_draw_dot(const dnx_net *net);
/* Prints the same as an SVG picture, layers from top to bottom. */
void dnx_draw_svg(const dnx_net *net);
#endif
