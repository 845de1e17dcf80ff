/* registry.h - all layer types; the Makefile writes the list from the file names in layers_ext/. */
#ifndef DNX_REGISTRY_H
#define DNX_REGISTRY_H
#include "dnx.h"
extern const dnx_layer_type *const dnx_layer_types[]; /* ends with NULL */
extern const char *const dnx_layer_files[];           /* source file of dnx_layer_types[i] */
#endif
