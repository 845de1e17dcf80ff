/* darknet completion: prints a script for bash or zsh, made from the tables of the verbs. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "host/layers.h"
#include "registry.h"

enum { BASH, ZSH };

typedef struct {
    int shell;
} args;

static const dnx_arg table[] = {
    DNX_PLACE_WORD(args, shell, "shell", "bash|zsh", "bash or zsh, which will read the script"),
    DNX_ARG_END,
};

/* Prints text for use inside '...'. is_word: also escapes ':', which ends a word in zsh. */
static void put_quoted(const char *text, bool is_word) {
    for (; *text; text++)
        if (*text == '\'') printf("'\\''");
        else if (*text == ':' && is_word) printf("\\:");
        else printf("%c", *text);
}

/* Prints a word as a choice; for zsh also its help, after a colon. */
static void put_word(int shell, const char *word, const char *help) {
    printf(" '");
    put_quoted(word, shell == ZSH);
    if (shell == ZSH) {
        printf(":");
        put_quoted(help, false);
    }
    printf("'");
}

static void put_list(int shell, const char *words, const char *help) {
    for (const char *w = words; *w; w += strcspn(w, "|"), w += *w == '|') {
        char word[64];
        snprintf(word, sizeof word, "%.*s", (int)strcspn(w, "|"), w);
        put_word(shell, word, help);
    }
}

static void put_sections(int shell) {
    put_word(shell, "net", "the network");
    for (int i = 0; dnx_layer_types[i]; i++)
        put_word(shell, dnx_layer_types[i]->name, dnx_layer_types[i]->summary);
    for (int i = 0; dnx_host_types[i]; i++)
        put_word(shell, dnx_host_types[i]->name, dnx_host_types[i]->summary);
}

/* Prints a case for this verb and for each sub-verb: the words that may follow the verb. */
static void put_verb(int shell, const dnx_verb *v) {
    printf("    '%s') ", v->name);
    for (const dnx_arg *a = v->args; a && a->name; a++)
        if (a->name[0] != '-' && a->type == DNX_ARG_IS_WORD) printf("kind=words ");
    const bool has_sections = v == &dnx_cmd_layers;
    printf(v->verbs || has_sections ? "kind=words choice=(" : "choice=(");
    if (has_sections) put_sections(shell);
    for (int i = 0; v->verbs && v->verbs[i]; i++)
        put_word(shell, dnx_verb_word(v->verbs[i]), v->verbs[i]->summary);
    if (v == &dnx_command) put_word(shell, "help", "explain a verb");
    for (int i = 0; v->host_verbs && v->host_verbs[i]; i++)
        put_word(shell, v->host_verbs[i], "a verb of /usr/bin/darknet");
    for (const dnx_arg *a = v->args; a && a->name; a++)
        if (a->name[0] == '-') put_word(shell, a->name, a->help);
        else if (a->type == DNX_ARG_IS_WORD) put_list(shell, a->value, a->help);
    put_word(shell, "-h", "explain it");
    printf(") ;;\n");
    for (int i = 0; v->verbs && v->verbs[i]; i++) put_verb(shell, v->verbs[i]);
}

/* Prints a case for each option of this verb and its sub-verbs. Each case tells the shell what the
 * option's value may be: a file, a folder, or one of some words. */
static void put_values(int shell, const dnx_verb *v) {
    for (const dnx_arg *a = v->args; a && a->name; a++) {
        if (a->name[0] != '-' || a->type == DNX_ARG_IS_FLAG) continue;
        const char *kind = a->type == DNX_ARG_IS_WORD    ? "words"
                           : a->type == DNX_ARG_IS_TWO   ? "files"
                           : !strcmp(a->value, "FILE")   ? "files"
                           : !strcmp(a->value, "FOLDER") ? "folders"
                                                         : "none";
        printf("    '%s %s') kind=%s", v->name, a->name, kind);
        if (a->type == DNX_ARG_IS_WORD) {
            printf(" choice=(");
            put_list(shell, a->value, a->help);
            printf(")");
        }
        printf(" ;;\n");
    }
    for (int i = 0; v->verbs && v->verbs[i]; i++) put_values(shell, v->verbs[i]);
}

/* Prints the pattern "classifier|compress": all verbs that have sub-verbs. */
static void put_groups(void) {
    const char *before = "";
    for (int i = 0; dnx_command.verbs[i]; i++) {
        if (!dnx_command.verbs[i]->verbs) continue;
        printf("%s%s", before, dnx_command.verbs[i]->name);
        before = "|";
    }
}

/* Prints the case statements of the script. In them, $key is the verb, $word the word being typed,
 * and $last the word before $word. */
static void put_cases(int shell) {
    printf("    case $key in\n    ");
    put_groups();
    printf(") key=\"$key${second:+ $second}\" ;;\n    esac\n    case $key in\n");
    put_verb(shell, &dnx_command);
    printf("    esac\n    [[ $word == -* ]] && kind=words\n    case \"$key $last\" in\n");
    put_values(shell, &dnx_command);
    printf("    esac\n    case $kind in\n");
}

static int run(const void *given, dnx_err *err) {
    const args *a = given;
    (void)err;
    if (a->shell == BASH) {
        printf("# Completes the words of darknet in bash; printed by `darknet completion bash`.\n"
               "_darknet() {\n"
               "    local all=(\"${COMP_WORDS[@]:1:COMP_CWORD-1}\")\n"
               "    [[ ${all[0]} == help ]] && all=(\"${all[@]:1}\")\n"
               "    local key=${all[0]} second=${all[1]} last=${COMP_WORDS[COMP_CWORD-1]}\n"
               "    local word=${COMP_WORDS[COMP_CWORD]} kind=files choice=()\n");
        put_cases(BASH);
        printf("    words) mapfile -t COMPREPLY < <(compgen -W \"${choice[*]}\" -- \"$word\") ;;\n"
               "    folders) compopt -o filenames\n"
               "        mapfile -t COMPREPLY < <(compgen -d -- \"$word\") ;;\n"
               "    files) compopt -o filenames\n"
               "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\") ;;\n"
               "    none) COMPREPLY=() ;;\n"
               "    esac\n"
               "}\n"
               "complete -F _darknet darknet\n");
        return 0;
    }
    printf("#compdef darknet\n"
           "# Completes the words of darknet in zsh; printed by `darknet completion zsh`.\n"
           "_darknet() {\n"
           "    local -a all choice\n"
           "    all=(\"${(@)words[2,CURRENT-1]}\")\n"
           "    [[ $all[1] == help ]] && shift all\n"
           "    local key=$all[1] second=$all[2] last=$words[CURRENT-1] word=$words[CURRENT]\n"
           "    local kind=files\n");
    put_cases(ZSH);
    printf("    words) _describe word choice ;;\n"
           "    folders) _files -/ ;;\n"
           "    files) _files ;;\n"
           "    esac\n"
           "}\n"
           "_darknet \"$@\"\n");
    return 0;
}

const dnx_verb dnx_cmd_completion = {
    "completion",
    "print what bash or zsh needs to complete the words of darknet",
    table,
    sizeof(args),
    run,
    "`make install` puts both where the shells look. For one user: "
    "`darknet completion bash > ~/.local/share/bash-completion/completions/darknet`, or for zsh a "
    "file _darknet in a folder of fpath."};
