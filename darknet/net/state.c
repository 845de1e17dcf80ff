/* state.c - writes, reads and checks .state files. */
#include "net/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_STATIC_LINKING_ONLY /* without it, XXH3_state_t is an incomplete type */
#include <xxhash.h>

#include "base/files.h"
#include "base/outfile.h"
#include "net/average.h"

static const char magic[8] = "DNXSTAT";
enum { VERSION = 3 };

/* The header of the file; the struct has no padding. After the header come: the text of the inputs,
 * padded with zeros to a multiple of 4 bytes; the parameters in file order; the momentum; with ema=
 * the average of the parameters; a checksum of all bytes before it. The length of the file shows
 * whether it has an average. The byte order is the machine's. */
typedef struct {
    char magic[8];
    uint64_t version, seen, params, momentum, net, text;
} header;

static header describe(dnx_net *net) {
    header h = {.version = VERSION, .seen = net->seen};
    dnx_param list[DNX_MAX_PARAMS];
    memcpy(h.magic, magic, sizeof magic);
    h.momentum = net->sgd.of[net->n].momentum_at;
    for (int i = 0; i < net->n; i++) {
        const char *type = net->nodes[i].type->name;
        h.net = dnx_hash(h.net, type, strlen(type) + 1);
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++) {
            h.params += list[k].count;
            h.net = dnx_hash(h.net, list[k].name, strlen(list[k].name) + 1);
            h.net = dnx_hash(h.net, &list[k].count, sizeof list[k].count);
        }
    }
    return h;
}

static size_t padded(size_t n) { return (n + 3) / 4 * 4; }

static void put(dnx_outfile *f, const void *bytes, size_t n, XXH3_state_t *sum) {
    XXH3_64bits_update(sum, bytes, n);
    dnx_outfile_put(f, bytes, n);
}

dnx_status dnx_state_save(const char *inputs, dnx_net *net, const char *path, dnx_err *err) {
    header h = describe(net);
    dnx_outfile f;
    XXH3_state_t sum;
    dnx_param list[DNX_MAX_PARAMS];
    h.text = strlen(inputs);
    char *text = calloc(1, padded(h.text) + 1);
    if (!text) return dnx_no_memory(path, err);
    memcpy(text, inputs, h.text);
    dnx_status st = dnx_outfile_open(&f, path, err);
    if (!st) {
        XXH3_INITSTATE(&sum);
        XXH3_64bits_reset(&sum);
        put(&f, &h, sizeof h, &sum);
        put(&f, text, padded(h.text), &sum);
        for (int i = 0; i < net->n; i++)
            for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
                put(&f, list[k].value, sizeof(float) * list[k].count, &sum);
        put(&f, net->sgd.momentum, sizeof(float) * h.momentum, &sum);
        if (net->sgd.average) put(&f, net->sgd.average, sizeof(float) * h.params, &sum);
        const uint64_t whole = XXH3_64bits_digest(&sum);
        dnx_outfile_put(&f, &whole, sizeof whole);
        st = dnx_outfile_commit(&f, err);
    }
    free(text);
    return st;
}

/* Returns the number of bytes between header and checksum. average: floats of the average, or 0. */
static size_t length_of(const header *h, size_t average) {
    return padded(h->text) + 4 * (h->params + h->momentum + average);
}

/* Returns NULL when the len bytes are a consistent state file, else what is wrong with them. */
static const char *fault(const char *bytes, size_t len, const header *h) {
    uint64_t sum;
    if (len < sizeof *h + sizeof sum) return "too short for a state file";
    if (memcmp(h->magic, magic, sizeof magic)) return "not a state file";
    if (h->version < VERSION)
        return "is of an older version of this program; start from the weights beside it";
    if (h->version != VERSION) return "a state file of another version";
    const size_t room = len - sizeof *h - sizeof sum;
    if (h->text > room || h->params > room / 4 || h->momentum > room / 4 ||
        (length_of(h, 0) != room && length_of(h, h->params) != room))
        return "is damaged or cut short";
    memcpy(&sum, bytes + len - sizeof sum, sizeof sum);
    return sum == dnx_hash(0, bytes, len - sizeof sum) ? NULL : "is damaged or cut short";
}

dnx_status dnx_state_read(const char *path, dnx_state *s, dnx_err *err) {
    size_t len = 0;
    header h = {0};
    char *bytes = dnx_file_read_unnoted(path, SIZE_MAX / 2, &len);
    *s = (dnx_state){.file = bytes};
    if (!bytes)
        return dnx_fail_at(err, errno == ENOMEM ? DNX_EMEM : DNX_EIO, path, "cannot open: %s",
                           strerror(errno));
    memcpy(&h, bytes, len < sizeof h ? len : sizeof h);
    const char *why = fault(bytes, len, &h);
    if (why) return dnx_fail_at(err, DNX_EWEIGHTS, path, "%s", why);
    const char *text = bytes + sizeof h;
    const size_t room = len - sizeof h - sizeof(uint64_t);
    s->seen = h.seen;
    s->net = h.net;
    s->params = h.params;
    s->momentum = h.momentum;
    s->average = length_of(&h, 0) == room ? 0 : h.params;
    s->numbers = (const float *)(const void *)(text + padded(h.text));
    s->inputs = strndup(text, h.text);
    return s->inputs ? DNX_OK : dnx_no_memory(path, err);
}

dnx_status dnx_state_apply(const dnx_state *s, dnx_net *net, const char *path, dnx_err *err) {
    const header expected = describe(net);
    dnx_param list[DNX_MAX_PARAMS];
    const float *from = s->numbers;
    if (s->net != expected.net || s->params != expected.params || s->momentum != expected.momentum)
        return dnx_fail_at(err, DNX_EWEIGHTS, path, "is of another network");
    if (net->o.ema > 0 && !s->average)
        return dnx_fail(err, DNX_EWEIGHTS, dnx_net_at(net, "ema"),
                        "[net] ema=%g: %s has no average of the weights: remove ema=, or begin a "
                        "new run with the weights beside it",
                        (double)net->o.ema, path);
    dnx_status st = dnx_average_begin(net, err);
    if (st) return st;
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++) {
            memcpy(list[k].value, from, sizeof(float) * list[k].count);
            from += list[k].count;
        }
    memcpy(net->sgd.momentum, from, sizeof(float) * net->sgd.of[net->n].momentum_at);
    from += s->momentum;
    if (net->sgd.average) memcpy(net->sgd.average, from, sizeof(float) * s->average);
    net->seen = s->seen;
    return dnx_net_prepare(net, err);
}

void dnx_state_free(dnx_state *s) {
    free(s->inputs);
    free(s->file);
    *s = (dnx_state){0};
}
