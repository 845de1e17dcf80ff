/* describe.h - lists the options of all sections after parsing. Two cfgs that differ only in
 * comments, spaces, order of options, or defaults written out give the same list. */
#ifndef DNX_DESCRIBE_H
#define DNX_DESCRIBE_H
#include "net/net.h"

/* Receives an option: its key, such as "[net] momentum" or "layer 3 [convolutional] filters", its
 * value, and its default `usual`. Also receives the type of each layer, with a key like "layer 3"
 * and usual = NULL. Copy the texts to keep them. */
typedef void dnx_describe_fn(void *arg, const char *key, const char *value, const char *usual);

enum { DNX_DESCRIBE_MOST = 1024 }; /* most bytes of a value, with its NUL; more are cut off */

/* Writes the default of option o as text. out has DNX_DESCRIBE_MOST bytes. */
void dnx_option_default(const dnx_opt *o, char *out);
/* Lists the options of [net] and of all layers, without name=, fixed_width= and the options of
 * teachers. max_batches is listed only where it changes the learning rate. */
void dnx_net_describe(const dnx_net *net, dnx_describe_fn *fn, void *arg);
/* Lists the options of one layer, without the options that every section has, such as name=. The
 * keys are the names of the options, such as "size". */
void dnx_layer_describe(const dnx_node *n, dnx_describe_fn *fn, void *arg);
#endif
