/* record.h - a list of keys and values about a run. NAME.state has the record of the run's inputs,
 * which -resume compares; NAME.run is a record for people. As text, each line is key=value; a key
 * has no '=', and control characters become '?'. */
#ifndef DNX_RECORD_H
#define DNX_RECORD_H
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char *key, *value;
    char *usual;    /* the default, or NULL; the text leaves out an entry with its default */
    bool is_remark; /* a difference is reported, but does not prevent -resume */
} dnx_entry;

typedef struct {
    dnx_entry *entry;
    int n;
    size_t capacity;
    bool failed; /* memory ran out for an entry */
} dnx_record;

/* Adds an entry. usual: its default, or NULL. */
void dnx_record_add(dnx_record *r, const char *key, const char *value, const char *usual);
/* Add an entry or a remark without a default. `format` prints its value. */
void dnx_record_put(dnx_record *r, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void dnx_record_remark(dnx_record *r, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Returns the value of the first entry with this key, or NULL. It is valid until r is freed. */
const char *dnx_record_get(const dnx_record *r, const char *key);

/* Returns the text, which the caller frees, or NULL when memory ran out, now or for an entry. */
char *dnx_record_text(const dnx_record *r);
/* Adds the entries of a text. Lines without '=' are ignored. */
void dnx_record_parse(dnx_record *r, const char *text);
void dnx_record_free(dnx_record *r);

/* Calls differs() for every key whose values differ. A value that `was` lacks is the default in
 * `is`, or "". Returns false when memory ran out while a record was filled. */
typedef void dnx_differs_fn(void *arg, const char *key, const char *was, const char *is,
                            bool is_remark);
bool dnx_record_compare(const dnx_record *was, const dnx_record *is, dnx_differs_fn *differs,
                        void *arg);
#endif
