/* strip.c - writes the cfg of a network without the parts that only training needs, builds this
 * network and copies the parameters to it. */
#include "net/strip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/options.h"
#include "net/opts.h"

/* Sets place[i] to the index of layer i in the new network, or to -1 when layer i is left out. */
static void number_layers(const dnx_net *net, int last, int *place) {
    int n = 0;
    for (int i = 0; i <= last; i++) place[i] = -1;
    place[last] = 0;
    for (int i = last; i >= 0; i--)
        for (int k = 0; place[i] >= 0 && k < net->nodes[i].n_in; k++)
            if (net->nodes[i].from[k] >= 0) place[net->nodes[i].from[k]] = 0;
    for (int i = 0; i <= last; i++)
        if (place[i] >= 0) place[i] = n++;
}

/* Writes a list of layers with their new numbers; names are unchanged. */
static void put_layers(FILE *f, const char *value, int layer, const int *place) {
    for (const char *p = value; *p; p += *p == ',') {
        p += strspn(p, " \t");
        size_t len = strcspn(p, ",");
        const bool is_number = strchr("0123456789+-.", *p);
        const int v = is_number ? (int)strtod(p, NULL) : 0; /* a cfg may say 1e1 for layer 10 */
        if (p != value) fputc(',', f);
        if (is_number) fprintf(f, "%d", v < 0 ? place[layer + v] - place[layer] : place[v]);
        else fprintf(f, "%.*s", (int)len, p);
        p += len;
    }
}

static bool is_kept(const dnx_layer_type *type, const char *key) {
    const dnx_opt *o = dnx_opt_find(type ? type->options : dnx_net_options, key);
    if (!o) o = dnx_opt_find(dnx_common_options, key);
    return !o || !o->only_trains;
}

/* Writes a section without the options that only training needs. type is NULL for [net]. */
static void put_section(FILE *f, const dnx_section *s, const dnx_layer_type *type, int layer,
                        const int *place) {
    const char *layers_key = type ? type->layers_key : NULL;
    fprintf(f, "\n[%s]\n", s->name);
    for (int k = 0; k < s->n; k++) {
        const dnx_pair *p = &s->pairs[k];
        /* only the first value of a repeated option has an effect */
        if (dnx_opts_given(s, p->key) != p || !is_kept(type, p->key)) continue;
        fprintf(f, "%s=", p->key);
        if (layers_key && !strcmp(p->key, layers_key)) put_layers(f, p->value, layer, place);
        else fputs(p->value, f);
        fputc('\n', f);
    }
}

dnx_status dnx_net_strip(dnx_net *net, const dnx_cfg *cfg, int last, const char *note, char **text,
                         dnx_net **out, dnx_err *err) {
    int *place = calloc((size_t)net->n, sizeof *place);
    size_t size = 0;
    *text = NULL;
    *out = NULL;
    FILE *f = place ? open_memstream(text, &size) : NULL;
    dnx_status st = f ? DNX_OK : dnx_no_memory(net->file, err);
    if (f) {
        number_layers(net, last, place);
        fputs(note, f);
        put_section(f, &cfg->sections[0], NULL, 0, NULL);
        for (int i = 0; i <= last; i++)
            if (place[i] >= 0) put_section(f, &cfg->sections[i + 1], net->nodes[i].type, i, place);
        if (fclose(f)) st = dnx_no_memory(net->file, err);
    }
    dnx_cfg *stripped = NULL;
    if (!st) st = dnx_cfg_parse(*text, size, net->file, &stripped, err);
    const dnx_build how = {.batch = 1,
                           .threads = 1,
                           .is_blank = true,
                           .types = net->more_types,
                           .teachers = net->teacher_source};
    if (!st) st = dnx_net_build(stripped, &how, out, err);
    dnx_cfg_free(stripped);
    for (int i = 0; !st && i <= last; i++)
        if (place[i] >= 0) dnx_net_copy_params(net, i, *out, place[i]);
    if (!st) (*out)->seen = net->seen;
    free(place);
    if (!st) return DNX_OK;
    free(*text);
    *text = NULL;
    return st;
}
