/* opts.h - fills option structs from a section, by option tables. */
#ifndef DNX_OPTS_H
#define DNX_OPTS_H
#include "net/cfg.h"
#include "net/notes.h"

/* Fills n structs: first with defaults, then with the key=value pairs of one section. tables[i]
 * describes outs[i] and may be NULL. After an error the structs own no memory. Errors: DNX_EOPTION
 * when an option is unknown, given twice, or has a wrong value; DNX_EMEM. When notes is not NULL,
 * an option may be given twice: the first value is used, as in libdarknet, and a note is added. */
dnx_status dnx_opts_parse(const dnx_opt *const *tables, void *const *outs, int n,
                          const dnx_section *s, const char *file, dnx_notes *notes, dnx_err *err);
/* Returns the size of the struct that the table fills, in bytes; 1 when the table is NULL. */
size_t dnx_opts_size(const dnx_opt *table);
/* Frees the strings in opts, not opts itself. */
void dnx_opts_free(const dnx_opt *table, void *opts);
/* Returns the row with this key, or NULL. The table may be NULL. */
const dnx_opt *dnx_opt_find(const dnx_opt *table, const char *key);
/* Returns the field of option `key` in n->opts, or NULL when the type has no such option. */
void *dnx_opts_field(const dnx_node *n, const char *key);
/* Returns the first pair with this key, or NULL. */
const dnx_pair *dnx_opts_given(const dnx_section *s, const char *key);
/* Returns the word in list[0..n-1] that is most similar to w, or NULL when none is similar. */
const char *dnx_nearest(const char *w, const char *const *list, int n);
#endif
