/* help.c - prints the help of a verb from its table. */
#include <ctype.h>
#include <string.h>

#include "base/option.h"
#include "cmd/args.h"

enum { COLUMNS = 79 };

const char *dnx_verb_word(const dnx_verb *v) {
    const char *space = strrchr(v->name, ' ');
    return space ? space + 1 : v->name;
}

static bool is_option(const dnx_arg *a) { return a->name[0] == '-'; }

/* Returns true when the words that the option allows are too long to print after its name. */
static bool has_many_words(const dnx_arg *a) {
    return a->type == DNX_ARG_IS_WORD && strlen(a->value) > 40;
}

/* Formats an argument: "-threads N", "-json", "net.cfg". */
static void describe(const dnx_arg *a, char *text, size_t size) {
    const char *value = !a->value ? "" : has_many_words(a) ? "WORD" : a->value;
    if (is_option(a)) snprintf(text, size, "%s%s%s", a->name, *value ? " " : "", value);
    else snprintf(text, size, "%s", a->name);
}

/* Prints a word after a space, or on a new line when the line is full. */
static void put_word(FILE *f, int *column, int indent, const char *word) {
    int len = (int)strlen(word);
    if (*column > indent && *column + 1 + len > COLUMNS)
        *column = fprintf(f, "\n%*s%s", indent, "", word) - 1;
    else *column += fprintf(f, *column > indent ? " %s" : "%s", word);
}

/* Prints text from column `indent` on, where the cursor already is, and breaks lines at spaces. */
static void put_text(FILE *f, int indent, const char *text) {
    int column = indent;
    while (*text) {
        char word[80];
        size_t n = strcspn(text, " ");
        snprintf(word, sizeof word, "%.*s", (int)n, text);
        put_word(f, &column, indent, word);
        text += n + (text[n] == ' ');
    }
    fprintf(f, "\n");
}

static void put_usage(FILE *f, const dnx_verb *v, const char *before) {
    char name[200], word[220];
    const int indent = fprintf(f, "%sdarknet ", before);
    int column = indent + fprintf(f, "%s", v->name);
    if (v->verbs) put_word(f, &column, indent, "VERB ...");
    for (int options = 0; v->args && options < 2; options++)
        for (const dnx_arg *a = v->args; a->name; a++) {
            if (is_option(a) != (options == 1)) continue;
            describe(a, name, sizeof name);
            snprintf(word, sizeof word, a->is_needed ? "%s" : "[%s]", name);
            put_word(f, &column, indent, word);
        }
    fprintf(f, "\n");
}

void dnx_print_usage(FILE *f, const dnx_verb *v) {
    put_usage(f, v, "usage: ");
    fprintf(f, "`darknet %s -h` explains %s.\n", v->name, v->verbs ? "them" : "it");
}

/* Formats the default and the bounds of an argument: "; default 16; from 1 to 64". */
static void describe_numbers(const dnx_arg *a, char *text, size_t size) {
    int n = 0;
    *text = 0;
    if (a->type == DNX_ARG_IS_INT) {
        if (a->none >= a->min && a->none <= a->max)
            n = snprintf(text, size, "; default %.0f", a->none);
        bool is_open = a->max >= 1e9; /* such a large bound is not printed */
        snprintf(text + n, size - (size_t)n, is_open ? "; at least %.0f" : "; from %.0f to %.0f",
                 a->min, a->max);
    } else if (a->type == DNX_ARG_IS_NUMBER) {
        bool is_open = a->max >= 1e6;
        snprintf(text, size, is_open ? "; above %.10g" : "; above %.10g, at most %.10g", a->min,
                 a->max);
    } else if (a->type == DNX_ARG_IS_WORD) {
        int length;
        const char *w = a->value;
        if (has_many_words(a)) n = snprintf(text, size, "; one of ");
        for (const char *c = w; n && *c && (size_t)n + 3 < size; c++)
            n += snprintf(text + n, size - (size_t)n, *c == '|' ? ", " : "%c", *c);
        w = dnx_option_word(a->value, (int)a->none, &length);
        if (a->none >= 0) snprintf(text + n, size - (size_t)n, "; default %.*s", length, w);
    }
}

static void put_row(FILE *f, const dnx_arg *a, int width) {
    char name[200], text[1000], more[500];
    describe_numbers(a, more, sizeof more);
    describe(a, name, sizeof name);
    snprintf(text, sizeof text, "%s%s", a->help, more);
    if ((int)strlen(name) > width) fprintf(f, "  %s\n%*s", name, width + 4, "");
    else fprintf(f, "  %-*s  ", width, name);
    put_text(f, width + 4, text);
}

static int widest(const dnx_verb *v) {
    char name[200];
    int width = 8;
    for (const dnx_arg *a = v->args; a->name; a++) {
        describe(a, name, sizeof name);
        int n = (int)strlen(name);
        if (n > width && n <= 24) width = n;
    }
    return width;
}

static void put_table(FILE *f, const dnx_verb *v) {
    const int width = widest(v);
    fprintf(f, "\n");
    for (const dnx_arg *a = v->args; a->name; a++)
        if (!is_option(a)) put_row(f, a, width);
    fprintf(f, "\noptions:\n");
    for (const dnx_arg *a = v->args; a->name; a++)
        if (is_option(a)) put_row(f, a, width);
    fprintf(f, "  %-*s  print this\n", width, "-h");
}

static void put_verbs(FILE *f, const dnx_verb *v) {
    for (int i = 0; v->verbs[i]; i++) {
        fprintf(f, "\n");
        put_usage(f, v->verbs[i], i ? "       " : "usage: ");
        fprintf(f, "%12s", "");
        put_text(f, 12, v->verbs[i]->summary);
    }
    fprintf(f, "\n`darknet %s VERB -h` explains the arguments of one.\n", v->name);
    int column = 0;
    if (!v->host_verbs) return;
    fprintf(f, "\nHanded to /usr/bin/darknet:\n");
    for (int i = 0; v->host_verbs[i]; i++) put_word(f, &column, 0, v->host_verbs[i]);
    fprintf(f, "\n");
}

static void put_sentence(FILE *f, const char *phrase) {
    char text[400];
    snprintf(text, sizeof text, "%s.", phrase);
    text[0] = (char)toupper((unsigned char)text[0]);
    put_text(f, 0, text);
}

void dnx_print_help(FILE *f, const dnx_verb *v) {
    if (!v->verbs) {
        put_usage(f, v, "usage: ");
        fprintf(f, "\n");
    }
    put_sentence(f, v->summary);
    if (v->verbs) put_verbs(f, v);
    else put_table(f, v);
    if (!v->note) return;
    fprintf(f, "\n");
    put_text(f, 0, v->note);
}
