/* check_draw.c - draws a network for Graphviz and as SVG. */
#include "cmd/check.h"

#include <stdio.h>

#define LEFT 20 /* the margin; all numbers except LANES are pixels */
#define WIDTH 300
#define HEIGHT 48
#define STEP 68  /* from the top of one box to the top of the next */
#define LANE 9   /* distance between the connections beside the boxes */
#define LANES 24 /* maximum number of connections side by side */

/* Prints a number in short form: 512, 36.9 k, 221 M. */
static void put_count(double v) {
    if (v < 1e4) printf("%.0f", v);
    else if (v < 1e6) printf("%.1f k", v * 1e-3);
    else if (v < 1e8) printf("%.1f M", v * 1e-6);
    else printf("%.0f M", v * 1e-6);
}

/* Prints line 0 (number, section, name), 1 (output shape) or 2 (cost) of layer i's text. */
static void put_line(const dnx_net *net, int i, int line) {
    const dnx_node *n = &net->nodes[i];
    if (line == 1) {
        printf("%d x %d x %d", n->out.h, n->out.w, n->out.c);
        return;
    }
    if (line == 2) {
        size_t count = dnx_net_count((dnx_net *)net, i);
        double macs = dnx_macs(n);
        if (!count && macs <= 0) return;
        put_count((double)count);
        printf(" parameters, ");
        put_count(macs);
        printf(" multiply-adds");
        return;
    }
    const char *name = net->links[i].name; /* names have no characters to escape */
    printf("%d %s%s%s", i, n->type->name, name ? " " : "", name ? name : "");
}

void dnx_draw_dot(const dnx_net *net) {
    printf("digraph network {\n    node [shape=box, style=filled, fillcolor=white, "
           "fontname=\"sans-serif\", fontsize=11];\n");
    printf("    input [label=\"input\\n%d x %d x %d\"];\n", net->in.h, net->in.w, net->in.c);
    for (int i = 0; i < net->n; i++) {
        const dnx_node *n = &net->nodes[i];
        printf("    %d [label=\"", i);
        for (int line = 0; line < 3; line++) {
            if (line) printf("\\n");
            put_line(net, i, line);
        }
        printf("\"%s];\n", n->type->is_loss ? ", fillcolor=\"#eeeeee\"" : "");
        for (int k = 0; k < n->n_in; k++)
            if (n->from[k] < 0) printf("    input -> %d;\n", i);
            else printf("    %d -> %d%s;\n", n->from[k], i, k ? " [style=dashed]" : "");
    }
    printf("}\n");
}

/* Returns the y coordinate of the top of a layer's box. Layer -1 is the input. */
static int top_of(int layer) { return LEFT + (layer + 1) * STEP; }

static void put_box(const dnx_net *net, int i) {
    int x = LEFT + WIDTH / 2, y = top_of(i);
    bool is_loss = i >= 0 && net->nodes[i].type->is_loss;
    printf("<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\" fill=\"%s\" "
           "stroke=\"#555\"/>\n",
           LEFT, y, WIDTH, HEIGHT, is_loss ? "#eee" : "#fff");
    for (int line = 0; line < (i < 0 ? 1 : 3); line++) {
        printf("<text x=\"%d\" y=\"%d\"%s>", x, y + 14 + 14 * line,
               line ? "" : " font-weight=\"bold\"");
        if (i < 0) printf("input %d x %d x %d", net->in.h, net->in.w, net->in.c);
        else put_line(net, i, line);
        printf("</text>\n");
    }
}

/* Draws a straight arrow to the next box, or a line beside the boxes to another box. */
static void put_arrow(int from, int to) {
    int x = LEFT + WIDTH / 2, a = top_of(from) + HEIGHT, b = top_of(to);
    if (to == from + 1) {
        printf("<path d=\"M%d %dV%d\"/>\n", x, a, b);
        return;
    }
    int right = LEFT + WIDTH, lane = right + 12 + to % LANES * LANE;
    printf("<path d=\"M%d %dH%dV%dH%d\" stroke-dasharray=\"4 2\"/>\n", right, a - HEIGHT / 2, lane,
           b + HEIGHT / 2, right);
}

void dnx_draw_svg(const dnx_net *net) {
    printf("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
           "font-family=\"sans-serif\" font-size=\"11\" text-anchor=\"middle\">\n",
           LEFT + WIDTH + 24 + LANES * LANE, top_of(net->n));
    printf("<defs><marker id=\"end\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" "
           "markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n");
    printf("<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n");
    printf("<g fill=\"none\" stroke=\"#555\" marker-end=\"url(#end)\">\n");
    for (int i = 0; i < net->n; i++)
        for (int k = 0; k < net->nodes[i].n_in; k++) put_arrow(net->nodes[i].from[k], i);
    printf("</g>\n");
    for (int i = -1; i < net->n; i++) put_box(net, i);
    printf("</svg>\n");
}
