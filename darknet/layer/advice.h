/* advice.h - optional: finds options that are allowed but are probably a mistake. When a type sets
 * .advice, the user gets a note with file and line, and the network is built as usual. */
#ifndef DNX_ADVICE_H
#define DNX_ADVICE_H
#include "dnx.h"

/* Options `keys` that have an effect only when the option `needs` has a value of `words`. */
typedef struct {
    const char *keys;  /* "a|b": the options */
    const char *needs; /* the option that `keys` need */
    const char *words; /* "c|d": its values that give `keys` an effect */
} dnx_needs;

typedef struct dnx_advice {
    const dnx_needs *needs; /* ends with keys == NULL; may be NULL */
    /* Called after make(). If an option is probably a mistake, returns its key and writes the
     * reason to `text`: the user sees the note "[section] key=value: reason". Else returns NULL. */
    const char *(*doubts)(const dnx_node *n, char *text, size_t size);
} dnx_advice;
#endif
