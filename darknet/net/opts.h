/* opts.h - fills option structs from a section, by option tables. All range checks are here. */
#ifndef DNX_OPTS_H
#define DNX_OPTS_H
#include "net/cfg.h"
#include "net/notes.h"

/* Fills n structs (outs[i] by tables[i], which may be NULL) from one section: defaults first, then
 * the pairs.
 * DNX_EOPTION: an option that is in no table (the message suggests the nearest key), is given
 * twice, is not a number, is out of range, or is not one of the words. Messages:
 *   FILE:LINE: [SECTION] KEY=VALUE: must be a whole number from MIN to MAX
 *   FILE:LINE: [SECTION] KEY=VALUE: must be a number from MIN to MAX
 *   FILE:LINE: [SECTION] KEY=VALUE: must be one of a, b, c
 *   FILE:LINE: [SECTION] KEY=VALUE: no such option; did you mean 'stride'?
 *   FILE:LINE: [SECTION] KEY=VALUE: given twice; first on line N
 * With notes, an option given twice is not an error: the first value counts, as in libdarknet, and
 * a note is added. */
dnx_status dnx_opts_parse(const dnx_opt *const *tables, void *const *outs, int n,
                          const dnx_section *s, const char *file, dnx_notes *notes, dnx_err *err);
/* Bytes of the struct that the table fills, at least 1. The table may be NULL. */
size_t dnx_opts_size(const dnx_opt *table);
/* Frees the strings inside, not the struct itself. */
void dnx_opts_free(const dnx_opt *table, void *opts);
/* The row with that key, or NULL. The table may be NULL. */
const dnx_opt *dnx_opt_find(const dnx_opt *table, const char *key);
/* The field of option `key` in n->opts. NULL when the type has no such option. */
void *dnx_opts_field(const dnx_node *n, const char *key);
/* The pair with that key, or NULL when the section does not have it. */
const dnx_pair *dnx_opts_given(const dnx_section *s, const char *key);
/* The word of the list nearest to w by edit distance, or NULL when none is near. */
const char *dnx_nearest(const char *w, const char *const *list, int n);
#endif
