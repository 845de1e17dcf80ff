/* test_layer_errors.c - messages about shapes and options of single layers. */
#include "lib/layer_bench.h"

static const struct {
    row r;
    const char *text;
} bad[] = {
    {{"", "shortcut", "from=-2\n", 1, 4, 4, 2, 0, 0, {9, 3, 2}},
     "row:1: [shortcut] from: 9 x 3 x 2 does not fit 4 x 4 x 2"},
    {{"", "shortcut", "from=-2\nactivation=prelu\n", 1, 4, 4, 2},
     "row:1: [shortcut] activation=prelu: has no slopes here; give the activation a section of its "
     "own"},
    {{"", "route", "layers=-1,-2\n", 1, 4, 4, 2, 0, 0, {4, 3, 2}},
     "row:1: [route] layers: layer 4 is 4 x 4, but layer 3 is 4 x 3"},
    {{"", "route", "layers=-1,-2\ngroups=2\n", 1, 4, 4, 2, 0, 0, {4, 4, 3}},
     "row:1: [route] groups=2: must divide 3 channels of layer 3"},
    {{"", "route", "layers=-1,-2\ngroups=2\ngroup_id=2\n", 1, 4, 4, 2},
     "row:1: [route] group_id=2: must be below groups=2"},
    {{"", "channel_shuffle", "groups=3\n", 1, 4, 4, 8},
     "row:1: [channel_shuffle] groups=3: must divide 8 channels"},
    {{"", "scale_channels", "from=-2\n", 1, 1, 1, 3, 0, 0, {4, 4, 2}},
     "row:1: [scale_channels] from: has 2 channels, but the layer before 3"},
    {{"", "scale_channels", "from=-2\n", 1, 2, 3, 2},
     "row:1: [scale_channels] the layer before is 2 x 3, but must be 1 x 1"},
    {{"", "scale_channels", "from=-2\nscale_wh=1\n", 1, 4, 4, 2},
     "row:1: [scale_channels] scale_wh=1: the layer before has 2 channels, but must have 1"},
    {{"", "scale_channels", "from=-2\nscale_wh=1\n", 1, 4, 4, 1, 0, 0, {4, 3, 2}},
     "row:1: [scale_channels] scale_wh=1: from is 4 x 3, but the layer before 4 x 4"},
    {{"", "scale_channels", "from=-2\nactivation=prelu\n", 1, 1, 1, 3, 0, 0, {4, 4, 3}},
     "row:1: [scale_channels] activation=prelu: has no slopes here; give the activation a section "
     "of its own"},
    {{"", "sam", "from=-2\nactivation=prelu\n", 1, 4, 4, 3},
     "row:1: [sam] activation=prelu: has no slopes here; give the activation a section of its own"},
    {{"", "sam", "from=-2\n", 1, 4, 4, 3, 0, 0, {4, 4, 2}},
     "row:1: [sam] from: is 4 x 4 x 2, but the layer before 4 x 4 x 3"},
    {{"", "avgpool", "size=3\n", 1, 4, 1, 2},
     "row:1: [avgpool] size=3: the padded input is only 4 x 1"},
    {{"", "avgpool", "stride=2\n", 1, 4, 4, 2}, "row:1: [avgpool] stride=2: needs size="},
    {{"", "avgpool", "pad=1\n", 1, 4, 4, 2}, "row:1: [avgpool] pad=1: needs size="},
    {{"", "local_avgpool", "size=9\npadding=1\n", 1, 4, 5, 2},
     "row:1: [local_avgpool] size=9: the padded input is only 5 x 6"},
    {{"", "local_avgpool", "size=2\npadding=3\n", 1, 4, 5, 2},
     "row:1: [local_avgpool] padding=3: with size=2 some windows hold nothing but padding"},
    {{"", "maxpool", "size=9\npadding=1\n", 1, 4, 5, 2},
     "row:1: [maxpool] size=9: the padded input is only 5 x 6"},
    {{"", "maxpool", "size=2\npadding=3\n", 1, 4, 5, 2},
     "row:1: [maxpool] padding=3: with size=2 some windows hold nothing but padding"},
    {{"", "upsample", "stride=0\n", 1, 4, 5, 2}, "row:1: [upsample] stride=0: must not be 0"},
    {{"", "upsample", "stride=-2\n", 1, 4, 5, 2},
     "row:1: [upsample] stride=-2: does not divide an input of 4 x 5"},
    {{"", "softmax", "tree=a.tree\n", 1, 1, 1, 2},
     "row:1: [softmax] tree=a.tree: only Darknet's own command has trees"},
    {{"", "softmax", "groups=3\nnoloss=1\n", 1, 1, 1, 4},
     "row:1: [softmax] groups=3: does not divide 4 inputs"},
    {{"", "softmax", "groups=2\nnoloss=1\n", 1, 1, 2, 4},
     "row:1: [softmax] groups=2: the input must be 1 x 1, not 1 x 2"},
    {{"", "softmax", "groups=2\n", 1, 1, 1, 4},
     "row:1: [softmax] groups=2: an image has one class, so groups need noloss=1"},
    {{"", "connected", "output=16777216\n", 1, 8, 8, 2},
     "row:1: [connected] output=16777216: over 2^30 weights for an input of 8 x 8 x 2"},
    {{"", "kd_feature", "", 1, 4, 4, 2, 0, 0, {4, 3, 2}},
     "row:1: [kd_feature] from: 4 x 4 x 2 does not fit the teacher's 4 x 3 x 2"},
    {{"", "kd_feature", "", 1, 1, 1, 40000, 0, 0, {1, 1, 40001}},
     "row:1: [kd_feature] from 40000 channels to the teacher's 40001: over 2^30 weights"},
    {{"", "kd_probability", "", 1, 1, 1, 7, 0, 0, {1, 1, 9}},
     "row:1: [kd_probability] the teacher has 9 classes, the student 7: only features can "
     "be fitted ([kd_feature])"},
};

int main(void) {
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bench b;
        dnx_err err = {0};
        dnx_status st = open_bench(&b, &bad[i].r, 1, true, 1, &err);
        check(st && !strcmp(err.text, bad[i].text), "%s\n  got: %s", bad[i].text, err.text);
        close_bench(&b);
    }
    return summary();
}
