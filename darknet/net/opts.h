/* opts.h - fills option structs from a section, by option tables. All range checks are here. */
#ifndef DNX_OPTS_H
#define DNX_OPTS_H
#include "net/cfg.h"
#include "net/notes.h"

/* Fills n structs from one section: first with defaults, then with its pairs. tables[i], which may
 * be NULL, describes outs[i]. After an error the structs own no memory. DNX_EMEM.
 *
 * DNX_EOPTION when an option is in no table (the message suggests the nearest key), is given twice,
 * is not a number, is out of range, is not one of the words, or names no earlier layer. Messages:
 *   FILE:LINE: [SECTION] KEY=VALUE: must be a whole number from MIN to MAX
 *   FILE:LINE: [SECTION] KEY=VALUE: must be a number from MIN to MAX
 *   FILE:LINE: [SECTION] KEY=VALUE: must be one of a, b, c
 *   FILE:LINE: [SECTION] KEY=VALUE: no such option; did you mean 'stride'?
 *   FILE:LINE: [SECTION] KEY=VALUE: given twice; first on line N
 * If notes is not NULL, an option given twice is no error: the first value is used, as in
 * libdarknet, and a note is added. */
dnx_status dnx_opts_parse(const dnx_opt *const *tables, void *const *outs, int n,
                          const dnx_section *s, const char *file, dnx_notes *notes, dnx_err *err);
/* Returns the bytes of the struct that the table fills; 1 when the table is NULL. */
size_t dnx_opts_size(const dnx_opt *table);
/* Frees the strings in opts, not opts itself. */
void dnx_opts_free(const dnx_opt *table, void *opts);
/* Returns the row with this key, or NULL. The table may be NULL. */
const dnx_opt *dnx_opt_find(const dnx_opt *table, const char *key);
/* Returns the field of option `key` in n->opts, or NULL when the type has no such option. */
void *dnx_opts_field(const dnx_node *n, const char *key);
/* Returns the pair with this key, or NULL when the section does not have it. */
const dnx_pair *dnx_opts_given(const dnx_section *s, const char *key);
/* Returns the word in list[0..n-1] with the smallest edit distance to w, at most max(1, length of w
 * / 3). If there is none and w has at least 3 letters, returns a word that begins with w in upper
 * or lower case. Else returns NULL. */
const char *dnx_nearest(const char *w, const char *const *list, int n);
#endif
