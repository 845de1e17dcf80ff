/* advice.h - optional: options that are allowed and probably not meant. A type sets .advice; then
 * the user gets a note with the file and line, and the network is built all the same. */
#ifndef DNX_ADVICE_H
#define DNX_ADVICE_H
#include "dnx.h"

/* Options that have an effect only while another option has one of some words. */
typedef struct {
    const char *keys;  /* "a|b": the options */
    const char *needs; /* the other option */
    const char *words; /* "c|d": its words */
} dnx_needs;

typedef struct dnx_advice {
    const dnx_needs *needs; /* the last has keys == NULL; NULL: all options always have an effect */
    /* Called after make(). If an option is probably not meant as it is: returns its key and writes
     * the reason to `text`, which follows "[section] key=value: ". Else returns NULL. */
    const char *(*doubts)(const dnx_node *n, char *text, size_t size);
} dnx_advice;
#endif
