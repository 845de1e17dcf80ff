/* options.h - the tables of the options of [net], of every layer, and of losses with a teacher. */
#ifndef DNX_NET_OPTIONS_H
#define DNX_NET_OPTIONS_H
#include "net/net.h"

typedef struct {
    char *name;
    int fixed_width, stopbackward;
    float learning_rate, decay, exclusivity;
} dnx_common_opts;

typedef struct dnx_teacher_opts {
    char *teacher, *weights, *layer;
    int flips;
} dnx_teacher_opts;

extern const dnx_opt dnx_net_options[];
extern const dnx_opt dnx_common_options[];
extern const dnx_opt dnx_teacher_options[];
#endif
