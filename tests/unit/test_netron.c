/* test_netron.c - a layer type that Netron does not know becomes a [crop] and a convolution. */
#include "lib/check.h"
#include "net/netron.h"

static dnx_status make(dnx_node *n, dnx_err *err) {
    (void)err;
    n->out = (dnx_shape){n->in[0].h - 1, n->in[0].w - 3, 7};
    return DNX_OK;
}

static void forward(dnx_node *n, dnx_pass *p) {
    memset(p->y, 0, sizeof *p->y * dnx_size(n->out) * (size_t)p->batch);
}

static const dnx_layer_type trimmed = {.name = "trimmed", .make = make, .forward = forward};
static const dnx_layer_type *const types[] = {&trimmed, NULL};

int main(void) {
    static const char cfg[] = "[net]\nheight=6\nwidth=5\nchannels=3\n[trimmed]\nname=it\n"
                              "[shortcut]\nfrom=-1\n";
    const dnx_build how = {.types = types};
    dnx_err err = {0};
    dnx_cfg *parsed = NULL;
    dnx_net *net = NULL;
    char *text = NULL;
    int sections = 0;
    dnx_status st = dnx_cfg_parse(cfg, sizeof cfg - 1, "a.cfg", &parsed, &err);
    if (!st) st = dnx_net_build(parsed, &how, &net, &err);
    if (!st) st = dnx_netron_cfg(net, &text, &sections, &err);
    check(!st, "%s", err.text);
    check(sections == 3, "%d sections", sections);
    check(text &&
              strstr(text, "\n# layer 0 [trimmed] it\n[crop]\ncrop_height=5\ncrop_width=2\n"
                           "\n# layer 0 [trimmed] it\n[convolutional]\nfilters=7\nsize=1\n") &&
              strstr(text, "[shortcut]\nfrom=1\n"),
          "%s", text ? text : "no text");
    free(text);
    if (net) dnx_net_free(net);
    dnx_cfg_free(parsed);
    return summary();
}
