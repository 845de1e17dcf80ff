/* darknet layers: the sections of a cfg and their options, from the tables that read them. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "host/layers.h"
#include "net/options.h"
#include "net/opts.h"
#include "registry.h"

typedef struct {
    const char *section;
} layers_args;

static const dnx_arg table[] = {
    DNX_PLACE_MAYBE(layers_args, section, "section",
                    "the section whose options are listed: net, convolutional, ..."),
    DNX_ARG_END};

static void print_options(const dnx_opt *o) {
    static const char *const types[] = {"whole number", "number", "word", "text", "list",
                                        "layers", ""};
    for (; o && o->key; o++) {
        printf("  %-17s %-12s ", o->key, types[o->type]);
        if (o->type == DNX_IGNORED || o->type == DNX_LAYERS)
            printf("%s%s\n", o->help, o->type == DNX_IGNORED ? "; no effect" : "");
        else if (o->type == DNX_WORD) {
            const char *w = o->words;
            for (int i = 0; i < (int)o->value && w; i++) w = strchr(w, '|') + 1;
            printf("default %.*s; %s; one of %s\n", (int)strcspn(w, "|/"), w, o->help, o->words);
        } else if (o->type == DNX_STRING) printf("default %s; %s\n", o->words ? o->words : "none",
                                                 o->help);
        else if (o->type == DNX_LIST) printf("%g to %g; %s\n", o->min, o->max, o->help);
        else printf("default %g, %g to %g; %s\n", o->value, o->min, o->max, o->help);
    }
}

static int run(const void *args) {
    const char *section = ((const layers_args *)args)->section;
    const char *names[257] = {"net"};
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
            printf("  %-18s %s%s%s\n", t->name, t->summary, is_outside ? "; from " : "",
                   is_outside ? from : "");
        else if (!strcmp(t->name, section)) {
            printf("[%s] %s (%s)\n", t->name, t->summary, from);
            print_options(t->options);
            if (dnx_wants(t)) print_options(dnx_teacher_options);
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
    const char *near = dnx_nearest(section, names, n);
    fprintf(stderr, "darknet: no section [%s]%s%s%s\n", section, near ? "; did you mean [" : "",
            near ? near : "", near ? "]?" : "");
    return 1;
}

const dnx_verb dnx_cmd_layers = {"layers", "list the sections of a cfg, or the options of one",
                                 table, sizeof(layers_args), run};
