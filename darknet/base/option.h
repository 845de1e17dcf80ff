/* option.h - the keys of a cfg section with their types, defaults, bounds and help. */
#ifndef DNX_OPTION_H
#define DNX_OPTION_H
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef enum {
    DNX_INT,
    DNX_FLOAT,
    DNX_WORD,   /* int: index into `words`, a list "a|b|c" */
    DNX_STRING, /* char *, owned by the options; NULL when absent and without a default */
    DNX_LIST,   /* dnx_list of numbers, "1,2,3"; empty when absent */
    DNX_LAYERS, /* dnx_list of layers: numbers, or names that parsing turns into numbers */
    DNX_IGNORED /* an option of libdarknet: any text is accepted and has no effect here */
} dnx_opt_type;

#define DNX_MAX_LIST 64
typedef struct {
    int n;
    float v[DNX_MAX_LIST];
} dnx_list;

typedef struct {
    const char *key;
    dnx_opt_type type;
    size_t offset;
    double value, min, max; /* value: default of a number or a word; min, max: bounds of a number */
    const char *words; /* DNX_WORD: "a|b/other spelling of b|c"; DNX_STRING: the default or NULL */
    const char *help;
    bool only_trains; /* has no effect when the network predicts */
} dnx_opt;

/* Returns word i of a list "a|b/other spelling of b|c", and its length in *length. */
static inline const char *dnx_option_word(const char *words, int i, int *length) {
    for (; i > 0 && strchr(words, '|'); i--) words = strchr(words, '|') + 1;
    *length = (int)strcspn(words, "|/");
    return words;
}

// clang-format off
/* Rows of an option table. s: options struct; f: its field, also the key; def: default; lo, hi:
 * bounds; trains: the member only_trains. */
#define DNX_OPT_NUMBER(s, f, type, def, lo, hi, help, trains) \
    {#f, type, offsetof(s, f), def, lo, hi, NULL, help, trains}
#define DNX_OPT_INT(s, f, def, lo, hi, help) DNX_OPT_NUMBER(s, f, DNX_INT, def, lo, hi, help, false)
#define DNX_OPT_FLOAT(s, f, def, lo, hi, help) \
    DNX_OPT_NUMBER(s, f, DNX_FLOAT, def, lo, hi, help, false)
#define DNX_OPT_LIST(s, f, lo, hi, help) DNX_OPT_NUMBER(s, f, DNX_LIST, 0, lo, hi, help, false)
#define DNX_OPT_WORD(s, f, def, words, help) \
    {#f, DNX_WORD, offsetof(s, f), def, 0, 0, words, help, false}
#define DNX_OPT_STRING(s, f, def, help) {#f, DNX_STRING, offsetof(s, f), 0, 0, 0, def, help, false}
#define DNX_OPT_LAYERS(s, f, help) \
    DNX_OPT_NUMBER(s, f, DNX_LAYERS, 0, -100000, 100000, help, false)
#define DNX_OPT_IGNORED(key, help) {key, DNX_IGNORED, 0, 0, 0, 0, NULL, help, false}
#define DNX_OPT_TRAIN_INT(s, f, def, lo, hi, help) \
    DNX_OPT_NUMBER(s, f, DNX_INT, def, lo, hi, help, true)
#define DNX_OPT_TRAIN_FLOAT(s, f, def, lo, hi, help) \
    DNX_OPT_NUMBER(s, f, DNX_FLOAT, def, lo, hi, help, true)
#define DNX_OPT_TRAIN_LIST(s, f, lo, hi, help) DNX_OPT_NUMBER(s, f, DNX_LIST, 0, lo, hi, help, true)
#define DNX_OPT_TRAIN_WORD(s, f, def, words, help) \
    {#f, DNX_WORD, offsetof(s, f), def, 0, 0, words, help, true}
/* Ends a table. s: the options struct; its size is stored as the offset. */
#define DNX_OPT_END(s) {NULL, DNX_INT, sizeof(s), 0, 0, 0, NULL, NULL, false}
// clang-format on
#endif
