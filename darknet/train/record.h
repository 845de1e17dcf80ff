/* record.h - a list of keys and values about a run. The file NAME.state contains the record of the
 * run's inputs, which -resume compares with its own inputs. The file NAME.run is a record for
 * people. The text of a record has a line key=value for each entry. A key must not contain '='.
 * Control characters become '?'. */
#ifndef DNX_RECORD_H
#define DNX_RECORD_H
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char *key, *value;
    char *usual; /* the default, or NULL; the text leaves out an entry whose value is its default */
    bool is_remark; /* a difference is reported, but does not prevent -resume */
} dnx_entry;

typedef struct {
    dnx_entry *entry;
    int n;
    size_t capacity;
    bool failed; /* memory ran out for an entry */
} dnx_record;

/* Adds an entry. usual: the default value of the key, or NULL when it has none. */
void dnx_record_add(dnx_record *r, const char *key, const char *value, const char *usual);
/* dnx_record_put() adds an entry, dnx_record_remark() a remark, both without a default. `format`
 * and the arguments after it give the value. */
void dnx_record_put(dnx_record *r, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void dnx_record_remark(dnx_record *r, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Returns the value of the first entry with this key, or NULL. It is valid until r is freed. */
const char *dnx_record_get(const dnx_record *r, const char *key);

/* Returns true when `key` has this value. A missing key has the value "". */
bool dnx_record_is(const dnx_record *r, const char *key, const char *value);

/* Returns the record as text, which the caller frees. Returns NULL when memory runs out, or when it
 * ran out while an entry was added. */
char *dnx_record_text(const dnx_record *r);
/* Adds the entries of a text that dnx_record_text() has written. Ignores lines without '='. */
void dnx_record_parse(dnx_record *r, const char *text);
void dnx_record_free(dnx_record *r);

/* dnx_record_compare() calls differs() for every key whose values in `was` and `is` differ. For a
 * key that `was` lacks, the key's default in `is` counts as the old value, or "" without a default.
 * Returns false when memory ran out while a record was filled. */
typedef void dnx_differs_fn(void *arg, const char *key, const char *was, const char *is,
                            bool is_remark);
bool dnx_record_compare(const dnx_record *was, const dnx_record *is, dnx_differs_fn *differs,
                        void *arg);
#endif
