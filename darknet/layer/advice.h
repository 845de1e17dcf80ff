/* advice.h - optional: notes for the user about options that are probably a mistake. */
#ifndef DNX_ADVICE_H
#define DNX_ADVICE_H
#include "dnx.h"

/* Options `keys` that have an effect only when the option `needs` has one of the values `words`. */
typedef struct {
    const char *keys; /* one or more keys: "a|b" */
    const char *needs;
    const char *words; /* one or more values: "c|d" */
} dnx_needs;

typedef struct dnx_advice {
    const dnx_needs *needs; /* an array that ends with keys == NULL; NULL without such options */
    /* Called after make(). Returns the key of an option that is probably a mistake, and writes the
     * reason to `text` (`size` bytes). Returns NULL when no option looks wrong. The user sees the
     * note "[section] key=value: reason". This member may be NULL. */
    const char *(*doubts)(const dnx_node *n, char *text, size_t size);
} dnx_advice;
#endif
