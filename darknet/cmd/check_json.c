/* check_json.c - the report of `darknet check` as JSON. */
#include "cmd/check.h"

#include <inttypes.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "layer/classifier.h"
#include "net/fingerprint.h"
#include "net/options.h"
#include "net/weights.h"

static void put_shape(dnx_shape s) { printf("[%d, %d, %d]", s.h, s.w, s.c); }

static void put_option(const dnx_opt *o, const void *opts) {
    const void *field = (const char *)opts + o->offset;
    const dnx_list *list = field;
    const char *word;
    int length;
    printf("\"%s\": ", o->key);
    switch (o->type) {
    case DNX_INT: printf("%d", *(const int *)field); break;
    case DNX_FLOAT: printf("%.9g", (double)*(const float *)field); break;
    case DNX_WORD:
        word = dnx_option_word(o->words, *(const int *)field, &length);
        printf("\"%.*s\"", length, word);
        break;
    case DNX_STRING: dnx_json_text(*(char *const *)field); break;
    case DNX_LIST:
    case DNX_LAYERS:
        printf("[");
        for (int i = 0; i < list->n; i++) printf("%s%.9g", i ? ", " : "", (double)list->v[i]);
        printf("]");
        break;
    case DNX_IGNORED: printf("null"); break;
    }
}

static void put_options(const dnx_opt *table, const void *opts) {
    printf("{");
    bool is_first = true;
    for (const dnx_opt *o = table; o && o->key; o++) {
        if (o->type == DNX_IGNORED) continue;
        if (!is_first) printf(", ");
        is_first = false;
        put_option(o, opts);
    }
    printf("}");
}

static void put_layer(dnx_net *net, int i) {
    const dnx_node *n = &net->nodes[i];
    dnx_param list[DNX_MAX_PARAMS];
    printf("%s\n    {\"layer\": %d, \"section\": \"%s\", \"name\": ", i ? "," : "", i,
           n->type->name);
    dnx_json_text(net->links[i].name);
    printf(", \"line\": %d, \"is_loss\": %s, \"is_classifier\": %s,\n     \"from\": [", n->loc.line,
           n->type->is_loss ? "true" : "false", dnx_has_logits(n->type) ? "true" : "false");
    for (int k = 0; k < n->n_in; k++) printf("%s%d", k ? ", " : "", n->from[k]);
    printf("], \"in\": [");
    for (int k = 0; k < n->n_in; k++) {
        printf("%s", k ? ", " : "");
        put_shape(n->in[k]);
    }
    printf("], \"out\": ");
    put_shape(n->out);
    printf(",\n     \"options\": ");
    put_options(n->type->options, n->opts);
    printf(",\n     \"params\": [");
    for (int k = 0, count = dnx_net_params(net, i, list); k < count; k++)
        printf("%s{\"name\": \"%s\", \"count\": %zu, \"is_trained\": %s}", k ? ", " : "",
               list[k].name, list[k].count, list[k].is_trained ? "true" : "false");
    printf("],\n     \"parameters\": %zu, \"multiply_adds\": %.0f}", dnx_net_count(net, i),
           dnx_macs(n));
}

static void put_fingerprint(dnx_net *net, bool has_weights) {
    if (has_weights) printf("\"%016" PRIx64 "\"", dnx_net_fingerprint(net, dnx_net_embedding(net)));
    else printf("null");
}

void dnx_check_json(dnx_net *net, const char *weights, const dnx_check_training *t,
                    const char *why) {
    double parameters = 0, macs = 0;
    for (int i = 0; i < net->n; i++) {
        parameters += (double)dnx_net_count(net, i);
        macs += dnx_macs(&net->nodes[i]);
    }
    printf("{\"file\": ");
    dnx_json_text(net->file);
    printf(",\n \"net\": ");
    put_options(dnx_net_options, &net->o);
    printf(",\n \"in\": ");
    put_shape(net->in);
    printf(", \"embedding\": %d,\n \"fingerprint\": ", dnx_net_embedding(net));
    put_fingerprint(net, weights);
    printf(",\n \"layers\": [");
    for (int i = 0; i < net->n; i++) put_layer(net, i);
    printf("\n ],\n \"parameters\": %.0f, \"floats\": %zu, \"multiply_adds\": %.0f,\n", parameters,
           dnx_weights_floats(net, net->n), macs);
    printf(" \"memory\": {\"predicting\": %zu, \"training\": ", dnx_net_memory(net));
    if (why) printf("null");
    else printf("%.0f", t->all);
    printf(", \"training_batch\": %d},\n \"not_trained_because\": ", t->batch);
    dnx_json_text(why);
    printf(",\n \"notes\": [");
    for (int i = 0; i < net->origin.notes.n; i++) {
        printf("%s", i ? ", " : "");
        dnx_json_text(net->origin.notes.text[i]);
    }
    printf("]}\n");
}
