/* [yolo], [region], [detection] and [logistic], computed by libdarknet. They only predict. y has
 * the shape of x, but is flat for detection.
 *
 * yolo (Redmon, Farhadi 2018): each pixel has a box for each anchor of the layer: 4 coordinates, an
 *   objectness and `classes` values. All except width and height pass the logistic function.
 * region (Redmon, Farhadi 2017): like yolo, with `num` boxes of `coords` coordinates; softmax=1:
 *   softmax over the classes.
 * detection: a grid of side x side: first the classes of all cells, then objectness and
 *   coordinates; softmax=1: softmax over the classes. Redmon et al. 2016.
 * logistic: y = 1 / (1 + exp(-x)). */
#include <darknet.h>

#define DNX_HOST_STRUCTS
#include "host/layers.h"

/* libdarknet exports these functions, but declares them in none of its headers. */
void forward_yolo_layer(const layer l, network net);
void forward_region_layer(const layer l, network net);
void forward_detection_layer(const layer l, network net);
void forward_logistic_layer(const layer l, network net);

typedef struct {
    int classes, num, coords, side, softmax, background, rescore, random, max, log, sqrt, classfix;
    int absolute, bias_match, forced, reorg;
    float jitter, ignore_thresh, truth_thresh, thresh, coord_scale, object_scale, noobject_scale;
    float class_scale, mask_scale;
    char *tree, *map;
    dnx_list mask, anchors;
} opts;

#define TRAINS "libdarknet's, for training"
#define SWITCH(f) DNX_OPT_INT(opts, f, 0, 0, 1, TRAINS)
#define FACTOR(f, def) DNX_OPT_FLOAT(opts, f, def, -1e6, 1e6, TRAINS)

#define MEMBERS .is_loss = true, .state_size = sizeof(dnx_host_state), .forward = dnx_host_predict

static dnx_status check_channels(dnx_node *n, int boxes, int numbers, dnx_err *err) {
    if ((long)boxes * numbers == n->in[0].c) return DNX_OK;
    return dnx_fail(err, DNX_ESHAPE, n->loc,
                    "[%s] %d boxes of %d numbers at each pixel: the input has %d channels, not %ld",
                    n->type->name, boxes, numbers, n->in[0].c, (long)boxes * numbers);
}

static dnx_status refuse_tree(const dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    if (!o->tree) return DNX_OK;
    return dnx_fail(err, DNX_EOPTION, n->loc,
                    "[%s] tree=%.60s: only Darknet's own command has trees", n->type->name,
                    o->tree);
}

/* Copies opts to libdarknet's layer. A member of opts that is no option of the section is 0. */
static dnx_status make_boxes(dnx_node *n, LAYER_TYPE type, int boxes,
                             void (*forward)(const layer l, network net), dnx_err *err) {
    const opts *o = n->opts;
    dnx_host_state *s = n->state;
    s->l.type = type;
    s->l.n = boxes;
    s->l.total = o->num;
    s->l.side = o->side;
    s->l.classes = o->classes;
    s->l.coords = o->coords;
    s->l.softmax = o->softmax;
    s->l.background = o->background;
    s->forward = forward;
    return dnx_host_make(n, err);
}

static const dnx_opt yolo_options[] = {
    DNX_OPT_INT(opts, classes, 20, 1, 1 << 20, "number of classes"),
    DNX_OPT_INT(opts, num, 1, 1, 65536, "number of anchors in all"),
    DNX_OPT_LIST(opts, mask, 0, 65535, "the anchors of this layer; absent: all"),
    DNX_OPT_LIST(opts, anchors, 0, 1e6, "widths and heights, pixels; " TRAINS),
    DNX_OPT_INT(opts, max, 90, 1, 65536, TRAINS),
    SWITCH(random),
    FACTOR(jitter, .2),
    FACTOR(ignore_thresh, .5),
    FACTOR(truth_thresh, 1),
    DNX_OPT_STRING(opts, map, NULL, TRAINS),
    DNX_OPT_END(opts),
};

static dnx_status make_yolo(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    int boxes = o->mask.n ? o->mask.n : o->num;
    dnx_status st = check_channels(n, boxes, o->classes + 5, err);
    n->out = n->in[0];
    return st ? st : make_boxes(n, YOLO, boxes, forward_yolo_layer, err);
}

const dnx_layer_type dnx_yolo = {
    .name = "yolo",
    .summary = "boxes and their classes, version 3; only predicts",
    .options = yolo_options,
    .make = make_yolo,
    MEMBERS,
};

// clang-format off
static const dnx_opt region_options[] = {
    DNX_OPT_INT(opts, classes, 20, 1, 1 << 20, "number of classes"),
    DNX_OPT_INT(opts, num, 1, 1, 65536, "boxes at a pixel"),
    DNX_OPT_INT(opts, coords, 4, 2, 1024, "coordinates of a box"),
    DNX_OPT_INT(opts, softmax, 0, 0, 1, "1: softmax over the classes"),
    DNX_OPT_INT(opts, background, 0, 0, 1, "1: the objectness is a class of the softmax"),
    DNX_OPT_LIST(opts, anchors, 0, 1e6, "widths and heights; " TRAINS),
    DNX_OPT_INT(opts, max, 30, 1, 65536, TRAINS), SWITCH(log), SWITCH(sqrt), SWITCH(rescore),
    DNX_OPT_INT(opts, classfix, 0, -1, 1, TRAINS), SWITCH(absolute), SWITCH(random),
    SWITCH(bias_match), FACTOR(jitter, .2), FACTOR(thresh, .5), FACTOR(coord_scale, 1),
    FACTOR(object_scale, 1), FACTOR(noobject_scale, 1), FACTOR(mask_scale, 1),
    FACTOR(class_scale, 1), DNX_OPT_STRING(opts, tree, NULL, "not supported"),
    DNX_OPT_STRING(opts, map, NULL, TRAINS), DNX_OPT_END(opts),
};
// clang-format on

static dnx_status make_region(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    dnx_status st = refuse_tree(n, err);
    if (!st) st = check_channels(n, o->num, o->classes + o->coords + 1, err);
    n->out = n->in[0];
    return st ? st : make_boxes(n, REGION, o->num, forward_region_layer, err);
}

const dnx_layer_type dnx_region = {
    .name = "region",
    .summary = "boxes and their classes, version 2; only predicts",
    .options = region_options,
    .make = make_region,
    MEMBERS,
};

// clang-format off
static const dnx_opt detection_options[] = {
    DNX_OPT_INT(opts, classes, 1, 1, 1 << 20, "number of classes"),
    DNX_OPT_INT(opts, num, 1, 1, 65536, "boxes in a cell"),
    DNX_OPT_INT(opts, coords, 1, 1, 1024, "coordinates of a box"),
    DNX_OPT_INT(opts, side, 7, 1, 8192, "cells in a row and in a column"),
    DNX_OPT_INT(opts, softmax, 0, 0, 1, "1: softmax over the classes"),
    DNX_OPT_INT(opts, max, 90, 1, 65536, TRAINS), SWITCH(rescore), SWITCH(sqrt), SWITCH(forced),
    SWITCH(random), SWITCH(reorg), FACTOR(jitter, .2), FACTOR(coord_scale, 1),
    FACTOR(object_scale, 1), FACTOR(noobject_scale, 1), FACTOR(class_scale, 1), DNX_OPT_END(opts),
};
// clang-format on

static dnx_status make_detection(dnx_node *n, dnx_err *err) {
    const opts *o = n->opts;
    double cells = (double)o->side * o->side, has = (double)dnx_size(n->in[0]);
    double needed = cells * ((1. + o->coords) * o->num + o->classes);
    if (needed != has)
        return dnx_fail(err, DNX_ESHAPE, n->loc,
                        "[detection] side=%d: %.0f cells need %.0f inputs, not %.0f", o->side,
                        cells, needed, has);
    n->out = (dnx_shape){1, 1, (int)has};
    return make_boxes(n, DETECTION, o->num, forward_detection_layer, err);
}

const dnx_layer_type dnx_detection = {
    .name = "detection",
    .summary = "boxes and their classes, version 1; only predicts",
    .options = detection_options,
    .make = make_detection,
    MEMBERS,
};

static dnx_status make_logistic(dnx_node *n, dnx_err *err) {
    dnx_host_state *s = n->state;
    n->out = n->in[0];
    s->l.type = LOGXENT;
    s->forward = forward_logistic_layer;
    return dnx_host_make(n, err);
}

const dnx_layer_type dnx_logistic = {
    .name = "logistic",
    .summary = "the logistic function; only predicts",
    .make = make_logistic,
    MEMBERS,
};
