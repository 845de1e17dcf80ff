/* darknet layers: prints the sections that a cfg can have, and their options. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "host/layers.h"
#include "net/options.h"
#include "net/opts.h"
#include "net/types.h"
#include "registry.h"

typedef struct {
    const char *section;
} layers_args;

static const dnx_arg table[] = {
    DNX_PLACE_MAYBE(layers_args, section, "section",
                    "the section whose options are listed: net, convolutional, ..."),
    DNX_ARG_END,
};

/* Formats v into text. Whole numbers get all their digits: %g would write 1e+06. */
static const char *number(double v, char text[32]) {
    snprintf(text, 32, fabs(v) < 1e15 && v == floor(v) ? "%.0f" : "%g", v);
    return text;
}

static void print_options(const dnx_opt *o) {
    static const char *const types[] = {"whole number", "number", "word", "text",
                                        "list",         "layers", ""};
    for (char a[32], b[32], c[32]; o && o->key; o++) {
        printf("  %-17s %-12s ", o->key, types[o->type]);
        if (o->type == DNX_IGNORED || o->type == DNX_LAYERS)
            printf("%s%s\n", o->help, o->type == DNX_IGNORED ? "; no effect" : "");
        else if (o->type == DNX_WORD) {
            int length;
            const char *w = dnx_option_word(o->words, (int)o->value, &length);
            printf("default %.*s; %s; one of %s\n", length, w, o->help, o->words);
        } else if (o->type == DNX_STRING)
            printf("default %s; %s\n", o->words ? o->words : "none", o->help);
        else if (o->type == DNX_LIST)
            printf("%s to %s; %s\n", number(o->min, a), number(o->max, b), o->help);
        else if (o->value < o->min)
            printf("%s to %s; %s\n", number(o->min, b), number(o->max, c), o->help);
        else
            printf("default %s, %s to %s; %s\n", number(o->value, a), number(o->min, b),
                   number(o->max, c), o->help);
    }
}

/* Returns the first section with an option that takes this word as its value, or NULL. */
static const char *has_word(const char *word) {
    for (int i = 0; dnx_layer_types[i]; i++)
        for (const dnx_opt *o = dnx_layer_types[i]->options; o && o->key; o++)
            if (o->type == DNX_WORD && dnx_is_one_of(o->words, word, strlen(word)))
                return dnx_layer_types[i]->name;
    return NULL;
}

static int run(const void *args, dnx_err *err) {
    const char *section = ((const layers_args *)args)->section;
    const char *names[257] = {"net"};
    const dnx_layer_type *section_type = section ? dnx_type_find(section, dnx_host_types) : NULL;
    int n = 1;
    if (!section) printf("  %-18s %s\n", "net", "the network: input, training, learning rate");
    int ours = 0;
    while (dnx_layer_types[ours]) ours++;
    for (int i = 0; n < 257; i++) {
        const dnx_layer_type *t = i < ours ? dnx_layer_types[i] : dnx_host_types[i - ours];
        if (!t) break;
        names[n++] = t->name;
        const char *from = i < ours ? dnx_layer_files[i] : "libdarknet";
        bool is_outside = i < ours && strncmp(from, "layers_ext/", 11);
        if (!section)
            printf("  %-18s %s%s%s%s\n", t->name, t->summary,
                   i < ours && t->is_loss ? "; a loss" : "", is_outside ? "; from " : "",
                   is_outside ? from : "");
        else if (t == section_type) {
            printf("[%s] %s (%s)\n", t->name, t->summary, from);
            if (t->aliases) printf("  other names: %s\n", t->aliases);
            print_options(t->options);
            if (dnx_may_have_teacher(t)) print_options(dnx_teacher_options);
            printf("and, as every section:\n");
            print_options(dnx_common_options);
            return 0;
        }
    }
    if (!section) return 0;
    if (!strcmp(section, "net")) {
        printf("[net] the network\n");
        print_options(dnx_net_options);
        return 0;
    }
    const char *near = dnx_nearest(section, names, n), *of = near ? NULL : has_word(section);
    if (of)
        dnx_fail_at(err, DNX_EOPTION, "darknet",
                    "no section [%s]: it is a word of an option of [%s]", section, of);
    else
        dnx_fail_at(err, DNX_EOPTION, "darknet", "no section [%s]%s%s%s", section,
                    near ? "; did you mean [" : "", near ? near : "",
                    near ? "]?" : "; darknet layers lists all");
    return 1;
}

const dnx_verb dnx_cmd_layers = {"layers", "list the sections of a cfg, or the options of one",
                                 table, sizeof(layers_args), run};
