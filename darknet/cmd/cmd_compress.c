/* darknet compress: makes a trained network smaller. The sub-verbs are in cmd_low_rank.c and
 * cmd_pack.c. */
#include "cmd/cmd.h"

static const dnx_verb *const verbs[] = {&dnx_compress_low_rank, &dnx_compress_pack,
                                        &dnx_compress_unpack, NULL};

const dnx_verb dnx_cmd_compress = {
    .name = "compress",
    .summary = "lower the rank of convolutions; pack binary filters into bits",
    .verbs = verbs};
