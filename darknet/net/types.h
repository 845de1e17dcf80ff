/* types.h - finds the layer type of a section by its name. */
#ifndef DNX_TYPES_H
#define DNX_TYPES_H
#include "net/cfg.h"

/* Returns the layer type with this name or alias, or NULL. Searches the registry, then the list
 * `more`, which ends with NULL. `more` may be NULL. */
const dnx_layer_type *dnx_type_find(const char *name, const dnx_layer_type *const *more);
/* Returns true when the n bytes at `word` are one of the words in `words`, such as "a|b|c". `words`
 * may be NULL. */
bool dnx_is_one_of(const char *words, const char *word, size_t n);
/* Returns DNX_EOPTION for a section without a layer type. The message suggests a similar name, if
 * there is one. more: see dnx_type_find(). */
dnx_status dnx_type_unknown(const dnx_section *s, const char *file,
                            const dnx_layer_type *const *more, dnx_err *err);
#endif
