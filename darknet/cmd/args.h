/* args.h - the command line of a verb as a table, for parsing, help and completion in the shell.
 *
 *     typedef struct { const char *cfg; int threads; bool json; } args;
 *     static const dnx_arg table[] = {
 *         DNX_PLACE(args, cfg, "net.cfg", "the network"),
 *         DNX_ARG_INT(args, threads, "-threads", "N", 0, 1, 64, "threads; default all cores"),
 *         DNX_ARG_FLAG(args, json, "-json", "print JSON"),
 *         DNX_ARG_END,
 *     };
 *     static int run(const void *a, dnx_err *err);  // a is an args
 *     const dnx_verb dnx_cmd_x = {"x", "what it does", table, sizeof(args), run};
 *
 * Options may stand before, between and after the other arguments, each at most once; "--" ends the
 * options. A value may begin with '-' only when it is a negative number or "-" alone. */
#ifndef DNX_CMD_ARGS_H
#define DNX_CMD_ARGS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

/* The type of the field that a table row fills, and the field's value when the argument is
 * absent. */
typedef enum {
    DNX_ARG_IS_TEXT,   /* const char *; NULL when absent */
    DNX_ARG_IS_TWO,    /* const char *[2]: the two words after the option; NULL when absent */
    DNX_ARG_IS_FLAG,   /* bool; false when absent */
    DNX_ARG_IS_INT,    /* int from min to max; `none` when absent */
    DNX_ARG_IS_NUMBER, /* double above min, at most max; `none` when absent */
    DNX_ARG_IS_WORD    /* int: index into value, a list "a|b|c"; `none` when absent */
} dnx_arg_type;

typedef struct {
    const char *name; /* "-threads"; a positional argument's name has no '-' in front */
    dnx_arg_type type;
    size_t offset;
    const char *value; /* the value's name in the help, or the allowed words "a|b|c"; for the names
                        * FILE and FOLDER, the shell completes paths */
    double none, min, max;
    bool is_needed;
    const char *help; /* a phrase with the unit; -h adds bounds and defaults */
} dnx_arg;

// clang-format off
#define DNX_PLACE(s, f, name, help) \
    {name, DNX_ARG_IS_TEXT, offsetof(s, f), NULL, 0, 0, 0, true, help}
#define DNX_PLACE_MAYBE(s, f, name, help) \
    {name, DNX_ARG_IS_TEXT, offsetof(s, f), NULL, 0, 0, 0, false, help}
#define DNX_PLACE_WORD(s, f, name, words, help) \
    {name, DNX_ARG_IS_WORD, offsetof(s, f), words, -1, 0, 0, true, help}
#define DNX_PLACE_NET(s, cfg, weights) \
    DNX_PLACE(s, cfg, "net.cfg", "the network"), DNX_PLACE(s, weights, "weights", "its weights")
#define DNX_ARG_FLAG(s, f, name, help) \
    {name, DNX_ARG_IS_FLAG, offsetof(s, f), NULL, 0, 0, 0, false, help}
#define DNX_ARG_TEXT(s, f, name, value, help) \
    {name, DNX_ARG_IS_TEXT, offsetof(s, f), value, 0, 0, 0, false, help}
#define DNX_ARG_TWO(s, f, name, value, help) \
    {name, DNX_ARG_IS_TWO, offsetof(s, f), value, 0, 0, 0, false, help}
/* When the option is absent, the field becomes `none`. With a `none` outside of lo..hi, run() can
 * tell that the user did not give the option. */
#define DNX_ARG_INT(s, f, name, value, none, lo, hi, help) \
    {name, DNX_ARG_IS_INT, offsetof(s, f), value, none, lo, hi, false, help}
#define DNX_ARG_INT_NEEDED(s, f, name, value, lo, hi, help) \
    {name, DNX_ARG_IS_INT, offsetof(s, f), value, (lo)-1, lo, hi, true, help}
#define DNX_ARG_NUMBER(s, f, name, value, none, above, hi, help) \
    {name, DNX_ARG_IS_NUMBER, offsetof(s, f), value, none, above, hi, false, help}
#define DNX_ARG_WORD(s, f, name, words, none, help) \
    {name, DNX_ARG_IS_WORD, offsetof(s, f), words, none, 0, 0, false, help}
#define DNX_ARG_THREADS(s) \
    DNX_ARG_INT(s, threads, "-threads", "N", 0, 1, 64, "threads; default one for each core")
#define DNX_ARG_END {NULL, DNX_ARG_IS_TEXT, 0, NULL, 0, 0, 0, false, NULL}
// clang-format on

enum { DNX_MOST_ARGS = 40 };

typedef struct dnx_verb {
    const char *name; /* as the user types it: "check", "classifier train" */
    const char *summary;
    const dnx_arg *args; /* the table; NULL when the verb has sub-verbs */
    size_t size;
    /* Returns the exit status. When the status is 1 and *err is set, main() prints *err. */
    int (*run)(const void *args, dnx_err *err);
    const char *note;                    /* one more paragraph of the help, or NULL */
    const struct dnx_verb *const *verbs; /* NULL-terminated array of sub-verbs, or NULL */
    const char *const *host_verbs;       /* NULL-terminated array of sub-verbs that Darknet's own
                                          * command runs, or NULL */
} dnx_verb;

/* Reports wrong arguments: prints "darknet: TEXT" to stderr. Returns the exit status 2. */
int dnx_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Fills the struct `out` (v->size bytes) from the words after the verb. Returns 0, or 2 after a
 * message about wrong words. */
int dnx_args_parse(const dnx_verb *v, int argc, char *const *argv, void *out);
/* Return true for -h, -help or --help. dnx_args_have_help() looks only before a "--". */
bool dnx_is_help(const char *word);
bool dnx_args_have_help(int argc, char *const *argv);
/* dnx_print_usage() prints only the usage, dnx_print_help() the whole help, as -h does. */
void dnx_print_usage(FILE *f, const dnx_verb *v);
void dnx_print_help(FILE *f, const dnx_verb *v);
/* Returns the last word of the verb's name. */
const char *dnx_verb_word(const dnx_verb *v);
#endif
