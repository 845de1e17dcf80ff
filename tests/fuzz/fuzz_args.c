/* fuzz_args.c - libFuzzer target: each line of the input is a word of a command line. */
#include "cmd/args.h"
#include "fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    const char *cfg, *more, *file, *from[2];
    int n, word, place;
    double number;
    bool flag;
    char guard[8];
} args_all;

static const dnx_arg args_table[] = {
    DNX_PLACE(args_all, cfg, "net.cfg", "a file"),
    DNX_PLACE_WORD(args_all, place, "method", "fast|slow", "a word"),
    DNX_PLACE_MAYBE(args_all, more, "more", "another"),
    DNX_ARG_TEXT(args_all, file, "-file", "FILE", "a text"),
    DNX_ARG_TWO(args_all, from, "-from", "A B", "two texts"),
    DNX_ARG_INT(args_all, n, "-n", "N", 0, 1, 64, "a number"),
    DNX_ARG_WORD(args_all, word, "-word", "a|bb|ccc", -1, "a word"),
    DNX_ARG_NUMBER(args_all, number, "-number", "X", 1, 0, 100, "a number"),
    DNX_ARG_FLAG(args_all, flag, "-flag", "a flag"),
    DNX_ARG_END,
};

static const dnx_verb args_verb = {"test", "tests", args_table, offsetof(args_all, guard), NULL};

static void args_check(const args_all *a) {
    fuzz_must(a->cfg && a->place >= 0 && a->place < 2 && a->word >= -1 && a->word < 3);
    fuzz_must(a->n >= 0 && a->n <= 64 && a->number > 0 && a->number <= 100);
    fuzz_must(!a->from[0] == !a->from[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static FILE *nowhere;
    enum { MOST = 64 };
    args_all a = {.guard = "guarded"};
    char *text = (char *)calloc(size + 1, 1), *word[MOST], *line, *rest = text;
    int n = 0;
    if (!text) return 0;
    if (size) memcpy(text, data, size);
    while (n < MOST && (line = strsep(&rest, "\n"))) word[n++] = line;
    if (!nowhere) nowhere = fopen("/dev/null", "w");
    FILE *before = stderr;
    if (nowhere) stderr = nowhere; /* discards the parser's messages */
    int status = dnx_args_parse(&args_verb, n, word, &a);
    if (dnx_args_have_help(n, word)) dnx_print_help(stderr, &args_verb);
    stderr = before;
    fuzz_must((status == 0 || status == 2) && !strcmp(a.guard, "guarded"));
    if (!status) args_check(&a);
    free(text);
    return 0;
}
