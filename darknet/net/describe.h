/* describe.h - a network by its meaning: every option of every section after parsing, so that
 * comments, spaces, order and defaults that are written out make no difference. */
#ifndef DNX_DESCRIBE_H
#define DNX_DESCRIBE_H
#include "net/net.h"

/* Takes one option: key "[net] momentum" or "layer 3 [convolutional] filters", its value as text,
 * and what the value usually is; usual NULL: there is no default. The texts live as long as the
 * call. */
typedef void dnx_describe_fn(void *arg, const char *key, const char *value, const char *usual);

/* All options of [net] but max_batches, which only says where a run ends (with policy=poly it
 * changes every rate and is there), then type, multipliers and options of each layer. Filters are
 * those after width_multiplier. A teacher's files are not told: see dnx_teachers_describe(). */
void dnx_net_describe(const dnx_net *net, dnx_describe_fn *fn, void *arg);
#endif
