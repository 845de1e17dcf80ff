/* options.c - the tables of the options of [net], of every layer, and of losses with a teacher. */
#include "net/options.h"

typedef dnx_net_opts N;
typedef dnx_common_opts C;
typedef dnx_teacher_opts T;

#define BIG 1e9

const dnx_opt dnx_net_options[] = {
    DNX_OPT_TRAIN_INT(N, batch, 1, 1, 65536, "images per update"),
    DNX_OPT_TRAIN_INT(N, subdivisions, 1, 1, 65536, "parts in which a batch is computed"),
    DNX_OPT_INT(N, height, 0, 1, 8192, "height of the input, pixels"),
    DNX_OPT_INT(N, width, 0, 1, 8192, "width of the input, pixels"),
    DNX_OPT_INT(N, channels, 0, 1, 65536, "channels of the input"),
    DNX_OPT_INT(N, inputs, 0, 1, 16777216, "length of the input, when it is not an image"),
    DNX_OPT_INT(N, time_steps, 1, 1, BIG, "steps of a recurrent network; only 1 trains here"),
    DNX_OPT_TRAIN_INT(N, notruth, 0, 0, 1, "1: the data has no labels"),
    DNX_OPT_TRAIN_INT(N, random, 0, 0, 1, "1: random resizing, only in /usr/bin/darknet"),
    DNX_OPT_TRAIN_INT(N, adam, 0, 0, 1, "1: Adam, only in /usr/bin/darknet; 0: SGD"),
    DNX_OPT_TRAIN_INT(N, max_batches, 0, 0, BIG, "updates until training ends"),
    DNX_OPT_TRAIN_INT(N, burn_in, 0, 0, BIG, "updates over which the learning rate rises from 0"),
    DNX_OPT_TRAIN_INT(
        N, max_crop, 0, 0, 65536,
        "random crop: the shorter side is first scaled to min_crop..max_crop pixels; 0: "
        "twice the width when another crop option is given, else the image fills the input"),
    DNX_OPT_TRAIN_INT(N, min_crop, 0, 0, 65536, "see max_crop, pixels; 0: the width"),
    DNX_OPT_TRAIN_INT(N, flip, 1, 0, 1, "1: half of the training images are mirrored"),
    DNX_OPT_INT(N, center, 0, 0, 1, "1: the middle square, resized, instead of all of the image"),
    DNX_OPT_TRAIN_INT(N, shift, 0, 0, 65536, "largest random shift along each axis, pixels"),
    DNX_OPT_TRAIN_WORD(N, sampler, 0, "permutation|balanced",
                       "permutation: each image once an epoch; balanced: identities x images"),
    DNX_OPT_TRAIN_INT(N, identities, 0, 0, 65536,
                      "of sampler=balanced: classes in batch/subdivisions"),
    DNX_OPT_TRAIN_INT(N, images, 0, 0, 65536, "of sampler=balanced: images of each of them"),
    DNX_OPT_TRAIN_INT(N, nesterov, 0, 0, 1, "1: Nesterov's momentum"),
    DNX_OPT_INT(N, seed, 1, 0, 2147483647, "seed of all random numbers"),
    DNX_OPT_TRAIN_FLOAT(N, learning_rate, .001, 0, 1000, "step of an update"),
    DNX_OPT_TRAIN_FLOAT(N, momentum, .9, 0, 1,
                        "share of the last step that is added to the next; below 1 to train"),
    DNX_OPT_TRAIN_FLOAT(N, decay, .0001, 0, 100, "weight decay"),
    DNX_OPT_TRAIN_FLOAT(N, scale, 1, 0, BIG, "factor of policy=step"),
    DNX_OPT_TRAIN_FLOAT(N, gamma, 1, 0, BIG, "base of policy=exp and sigmoid"),
    DNX_OPT_TRAIN_FLOAT(N, power, 4, 0, 100, "exponent of policy=poly and of burn_in"),
    DNX_OPT_TRAIN_FLOAT(N, B1, .9, 0, 1, "Adam's, unused without adam=1"),
    DNX_OPT_TRAIN_FLOAT(N, B2, .999, 0, 1, "Adam's, unused without adam=1"),
    DNX_OPT_TRAIN_FLOAT(N, eps, 1e-7, 0, 1, "Adam's, unused without adam=1"),
    DNX_OPT_TRAIN_FLOAT(N, clip, 0, 0, BIG, "clipping, only in /usr/bin/darknet on a GPU"),
    DNX_OPT_TRAIN_FLOAT(N, angle, 0, 0, 360, "largest random rotation to either side, degrees"),
    DNX_OPT_TRAIN_FLOAT(N, aspect, 1, .01, 100,
                        "largest random change of the sides' ratio, factor"),
    DNX_OPT_TRAIN_FLOAT(N, saturation, 1, .01, 100, "largest random change of saturation, factor"),
    DNX_OPT_TRAIN_FLOAT(N, exposure, 1, .01, 100, "largest random change of brightness, factor"),
    DNX_OPT_TRAIN_FLOAT(N, hue, 0, 0, 1, "largest random change of hue, share of the circle"),
    DNX_OPT_TRAIN_FLOAT(N, max_ratio, 0, 0, 100, "max_crop as a share of the width"),
    DNX_OPT_TRAIN_FLOAT(N, min_ratio, 0, 0, 100, "min_crop as a share of the width"),
    DNX_OPT_TRAIN_FLOAT(N, erase, 0, 0, 1, "probability of a grey hole, 2 to 20 % of the area"),
    DNX_OPT_TRAIN_FLOAT(N, gray, 0, 0, 1, "probability of an image without colours"),
    DNX_OPT_TRAIN_FLOAT(N, lowres, 0, 0, 1,
                        "probability of a soft image, shrunk to 1/4..1 and enlarged"),
    DNX_OPT_FLOAT(N, input_mean, 0, -BIG, BIG, "subtracted from pixels 0..255"),
    DNX_OPT_FLOAT(N, input_scale, .00392156862745098, -BIG, BIG,
                  "multiplies pixels after input_mean; default 1/255, which gives 0..1"),
    DNX_OPT_TRAIN_FLOAT(N, clip_norm, 0, 0, BIG,
                        "longest mean gradient of an update; 0: any length"),
    DNX_OPT_TRAIN_FLOAT(
        N, ema, 0, 0, .999999,
        "saves a moving average of the weights: the share of the old average in each "
        "update; 0: saves the weights themselves"),
    DNX_OPT_TRAIN_FLOAT(N, exclusivity, 0, 0, BIG,
                        "EC-KD, our reading: factor of the filters' exclusivity"),
    DNX_OPT_FLOAT(N, width_multiplier, 1, .001, 64,
                  "multiplies filters= of every section without fixed_width=1"),
    DNX_OPT_INT(N, divisor, 1, 1, 1024, "of filters= after width_multiplier, as MobileNet rounds"),
    DNX_OPT_TRAIN_WORD(N, policy, 0, "constant|step|exp|poly|steps|sigmoid|random|cosine",
                       "how the learning rate changes"),
    DNX_OPT_TRAIN_INT(N, step, 1, 1, BIG, "updates between changes of policy=step and sigmoid"),
    DNX_OPT_TRAIN_LIST(N, steps, -BIG, BIG, "updates at which policy=steps changes the rate"),
    DNX_OPT_TRAIN_LIST(N, scales, 0, BIG, "factors at those steps"),
    DNX_OPT_IGNORED("seen", "images trained on, of old cfg files"),
    DNX_OPT_END(N),
};

const dnx_opt dnx_common_options[] = {
    DNX_OPT_STRING(C, name, NULL, "name for other sections to refer to this layer by"),
    DNX_OPT_INT(C, fixed_width, 0, 0, 1, "1: width_multiplier leaves this section alone"),
    DNX_OPT_TRAIN_INT(C, stopbackward, 0, 0, 1,
                      "1: this layer and all before it keep their weights and predict"),
    DNX_OPT_TRAIN_FLOAT(C, learning_rate, 1, 0, 1e6, "multiplies the network's learning rate"),
    DNX_OPT_TRAIN_FLOAT(C, decay, 1, 0, 1e6, "multiplies the network's weight decay"),
    DNX_OPT_TRAIN_FLOAT(C, exclusivity, -1, -1, BIG,
                        "factor of this layer's exclusivity; -1: [net]'s"),
    DNX_OPT_END(C),
};

const dnx_opt dnx_teacher_options[] = {
    DNX_OPT_STRING(T, teacher, NULL, "cfg of the teacher; relative to this cfg"),
    DNX_OPT_STRING(T, weights, NULL, "weights of the teacher; relative to this cfg"),
    DNX_OPT_STRING(T, layer, NULL,
                   "layer of the teacher, a number or its name=; default: the last that fits"),
    DNX_OPT_INT(T, flips, 0, 0, 1,
                "1: the target is the sum of the teacher's features of the image and of its mirror "
                "image"),
    DNX_OPT_END(T),
};
