#include "net/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/outfile.h"

static const char magic[8] = "DNXSTAT";
enum { VERSION = 1 };

/* The file: this, the parameters in file order, the momentum, then a checksum of all before it.
 * Words of the machine's byte order. No padding: ten words. */
typedef struct {
    char magic[8];
    uint64_t version, seen, params, momentum;
    dnx_run run;
    uint64_t net; /* of the parameters' names and sizes */
} header;

static header describe(const dnx_run *run, dnx_net *net) {
    header h = {.version = VERSION, .seen = net->seen, .run = *run, .net = 0xcbf29ce484222325u};
    dnx_param list[DNX_MAX_PARAMS];
    memcpy(h.magic, magic, sizeof magic);
    h.momentum = net->momentum_at[net->n];
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

static void put(dnx_outfile *f, const void *bytes, size_t n, uint64_t *sum) {
    *sum = dnx_hash(*sum, bytes, n);
    dnx_outfile_put(f, bytes, n);
}

dnx_status dnx_state_save(const dnx_run *run, dnx_net *net, const char *path, dnx_err *err) {
    const header h = describe(run, net);
    dnx_outfile f;
    uint64_t sum = 0;
    dnx_param list[DNX_MAX_PARAMS];
    dnx_status st = dnx_outfile_open(&f, path, err);
    if (st) return st;
    put(&f, &h, sizeof h, &sum);
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
            put(&f, list[k].value, sizeof(float) * list[k].count, &sum);
    put(&f, net->momentum, sizeof(float) * h.momentum, &sum);
    dnx_outfile_put(&f, &sum, sizeof sum);
    return dnx_outfile_commit(&f, err);
}

/* NULL: the state continues this run; else what differs. */
static const char *mismatch(const header *got, const header *want) {
    if (memcmp(got->magic, magic, sizeof magic)) return "not a state file";
    if (got->version != VERSION) return "a state file of another version";
    if (got->net != want->net || got->params != want->params || got->momentum != want->momentum)
        return "is of another network";
    if (got->run.images != want->run.images || got->run.list != want->run.list)
        return "is of another list of images";
    if (got->run.batch != want->run.batch) return "is of another batch=";
    if (got->run.seed != want->run.seed) return "is of another seed";
    return NULL;
}

static void take(dnx_net *net, const float *from) {
    dnx_param list[DNX_MAX_PARAMS];
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++) {
            memcpy(list[k].value, from, sizeof(float) * list[k].count);
            from += list[k].count;
        }
    memcpy(net->momentum, from, sizeof(float) * net->momentum_at[net->n]);
}

dnx_status dnx_state_load(const dnx_run *run, dnx_net *net, const char *path, dnx_err *err) {
    dnx_loc at = {path, 0};
    const header want = describe(run, net);
    header got;
    FILE *f = fopen(path, "rb");
    if (!f) return dnx_fail(err, DNX_EIO, at, "cannot open: %s", strerror(errno));
    dnx_status st = DNX_OK;
    const char *why = "too short for a state file";
    if (fread(&got, sizeof got, 1, f) == 1) why = mismatch(&got, &want);
    float *data = NULL;
    size_t floats = want.params + want.momentum;
    if (why) st = dnx_fail(err, DNX_EWEIGHTS, at, "%s", why);
    else if (!(data = dnx_alloc(floats + 1))) st = dnx_fail(err, DNX_EMEM, at, "no memory");
    if (!st) {
        uint64_t sum = dnx_hash(0, &got, sizeof got), stored;
        bool whole = fread(data, sizeof(float), floats, f) == floats &&
                     fread(&stored, sizeof stored, 1, f) == 1 && fgetc(f) == EOF;
        const float *p = data;
        dnx_param list[DNX_MAX_PARAMS];
        for (int i = 0; whole && i < net->n; i++)
            for (int k = 0, n = dnx_net_params(net, i, list); k < n; p += list[k++].count)
                sum = dnx_hash(sum, p, sizeof(float) * list[k].count);
        if (whole) sum = dnx_hash(sum, p, sizeof(float) * want.momentum);
        if (!whole || sum != stored)
            st = dnx_fail(err, DNX_EWEIGHTS, at, "is damaged or cut short");
    }
    if (!st) {
        take(net, data);
        net->seen = got.seen;
        st = dnx_net_prepare(net, err);
    }
    dnx_free(data);
    fclose(f);
    return st;
}
