/* advice.h - optional: finds options that are allowed but are probably a mistake. When a type sets
 * .advice, the user gets a note with file and line, and the network is built as usual. */
#ifndef DNX_ADVICE_H
#define DNX_ADVICE_H
#include "dnx.h"

/* Options that have an effect only while another option has one of some words as its value. */
typedef struct {
    const char *keys;  /* "a|b": the options */
    const char *needs; /* the other option */
    const char *words; /* "c|d": the values of the other option */
} dnx_needs;

typedef struct dnx_advice {
    const dnx_needs *needs; /* ends with keys == NULL; may be NULL */
    /* Called after make(). If an option is probably a mistake, returns its key and writes the
     * reason to `text`; the note is "[section] key=value: " and this text. Else returns NULL. */
    const char *(*doubts)(const dnx_node *n, char *text, size_t size);
} dnx_advice;
#endif
