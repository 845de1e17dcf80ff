/* record.h - what is known of a run as a list of keys and values: its inputs, which .state carries
 * and -resume compares, and the readable NAME.run beside its weights. As text a line is key=value;
 * a key has no '=', and control characters become '?'. */
#ifndef DNX_RECORD_H
#define DNX_RECORD_H
#include <stdbool.h>

typedef struct {
    char *key, *value;
    char *usual;    /* the default, which is left out of the text; NULL: there is none */
    bool is_remark; /* a difference is worth telling, but changes nothing that counts */
} dnx_entry;

typedef struct {
    dnx_entry *entry;
    int n, room;
    bool failed; /* there was no memory for an entry */
} dnx_record;

/* Adds an entry; usual may be NULL. */
void dnx_record_add(dnx_record *r, const char *key, const char *value, const char *usual);
/* The same with a format and without a default. */
void dnx_record_put(dnx_record *r, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, of a difference that is only a remark. */
void dnx_record_remark(dnx_record *r, const char *key, const char *value);
/* The value, or NULL. */
const char *dnx_record_get(const dnx_record *r, const char *key);

/* The text, free() it; NULL: no memory, also of an entry before. */
char *dnx_record_text(const dnx_record *r);
/* Adds the entries of a text; lines without '=' are left out. */
void dnx_record_parse(dnx_record *r, const char *text);
void dnx_record_free(dnx_record *r);

/* Calls differs() for every key whose value is not the same in both, in the order of `is`, then
 * those that only `was` has. A key that one of them lacks has its default there, or nothing ("").
 * false: no memory. */
typedef void dnx_differs_fn(void *arg, const char *key, const char *was, const char *is,
                            bool is_remark);
bool dnx_record_compare(const dnx_record *was, const dnx_record *is, dnx_differs_fn *differs,
                        void *arg);
#endif
