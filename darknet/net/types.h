/* types.h - the layer type that serves a section, by its name. */
#ifndef DNX_TYPES_H
#define DNX_TYPES_H
#include "net/cfg.h"

/* The type that serves [name], by its name or an alias: one of the registry, or one of `more`,
 * which ends with NULL and may be NULL. NULL: there is none. */
const dnx_layer_type *dnx_type_find(const char *name, const dnx_layer_type *const *more);
/* DNX_EOPTION: no type serves section s; the message suggests the nearest name. */
dnx_status dnx_type_unknown(const dnx_section *s, const char *file,
                            const dnx_layer_type *const *more, dnx_err *err);
#endif
