/* weights_packed.c - reads and writes packed weights files. */
#include "net/weights_packed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/outfile.h"
#include "net/fingerprint.h"

#define MAGIC "THINPACK"
#define VERSION 2
#define HEADER 40
#define CHECKED 32 /* bytes of the header before the checksum */

bool dnx_packed_is(const unsigned char *bytes, size_t len) {
    return len >= DNX_PACKED_MAGIC && !memcmp(bytes, MAGIC, DNX_PACKED_MAGIC);
}

static uint64_t checksum(const unsigned char *bytes, size_t len) {
    return dnx_hash(dnx_hash(0, bytes, CHECKED), bytes + HEADER, len - HEADER);
}

static size_t bytes_of(uint32_t bits, size_t filters, size_t count) {
    if (bits == 1) return filters * (sizeof(float) + (count / filters + 7) / 8);
    return count * bits / 8;
}

static uint32_t bits_of(const dnx_param *p, dnx_weight_bits of_weights) {
    if (p->is_one_bit) return 1;
    return p->role == DNX_WEIGHTS ? of_weights : DNX_SINGLE;
}

size_t dnx_packed_size(dnx_net *net, dnx_weight_bits of_weights) {
    dnx_param list[DNX_MAX_PARAMS];
    size_t size = HEADER;
    for (int i = 0; i < net->n; i++) {
        int n = dnx_net_params(net, i, list);
        if (n) size += 8;
        for (int k = 0; k < n; k++) {
            uint32_t bits = bits_of(&list[k], of_weights);
            size += 16 + bytes_of(bits, (size_t)list[k].filters, list[k].count);
        }
    }
    return size;
}

static void put(unsigned char **to, const void *from, size_t n) {
    memcpy(*to, from, n);
    *to += n;
}

static dnx_status put_signs(unsigned char **to, const dnx_node *n, const dnx_param *p,
                            dnx_err *err) {
    size_t filters = (size_t)p->filters, len = p->count / filters, row = (len + 7) / 8;
    unsigned char *signs = *to + sizeof(float) * filters;
    memset(signs, 0, row * filters);
    for (size_t f = 0; f < filters; f++, signs += row) {
        const float *w = p->value + f * len;
        float alpha = fabsf(w[0]);
        put(to, &alpha, sizeof alpha);
        for (size_t i = 0; i < len; i++) {
            if (fabsf(w[i]) != alpha)
                return dnx_fail(err, DNX_EWEIGHTS, n->loc, "[%s] a filter is not binary",
                                n->type->name);
            if (w[i] >= 0) signs[i / 8] |= (unsigned char)(1 << i % 8);
        }
    }
    *to = signs;
    return DNX_OK;
}

static dnx_status put_layer(dnx_net *net, int i, dnx_weight_bits of_weights, unsigned char **to,
                            dnx_err *err) {
    dnx_param list[DNX_MAX_PARAMS];
    const dnx_node *node = &net->nodes[i];
    int n = dnx_net_params(net, i, list);
    if (!n) return DNX_OK;
    put(to, (uint32_t[]){(uint32_t)i, (uint32_t)n}, 8);
    for (const dnx_param *p = list; p < list + n; p++) {
        uint32_t bits = bits_of(p, of_weights);
        uint64_t count = p->count;
        put(to, (uint32_t[]){bits, bits == 1 ? (uint32_t)p->filters : 0}, 8);
        put(to, &count, 8);
        if (bits == 32) put(to, p->value, sizeof(float) * p->count);
        dnx_status st = bits == 1 ? put_signs(to, node, p, err) : DNX_OK;
        if (st) return st;
        for (size_t k = 0; bits == 16 && k < p->count; k++) {
            uint16_t h = dnx_to_half(p->value[k]);
            if (!dnx_fits_half(p->value[k]))
                return dnx_fail(err, DNX_EWEIGHTS, node->loc,
                                "[%s] a weight of %g is too large for half precision",
                                node->type->name, (double)p->value[k]);
            put(to, &h, sizeof h);
        }
    }
    return DNX_OK;
}

dnx_status dnx_packed_save(dnx_net *net, const char *path, dnx_weight_bits bits, dnx_err *err) {
    size_t len = dnx_packed_size(net, bits);
    unsigned char *bytes = malloc(len), *to = bytes;
    if (!bytes) return dnx_fail_at(err, DNX_EMEM, path, "no memory for %zu bytes", len);
    put(&to, MAGIC, 8);
    put(&to, (uint32_t[]){VERSION, (uint32_t)net->n}, 8);
    put(&to, (uint64_t[]){net->seen, len}, 16);
    to = bytes + HEADER;
    dnx_status st = DNX_OK;
    for (int i = 0; i < net->n && !st; i++) st = put_layer(net, i, bits, &to, err);
    if (!st) {
        uint64_t sum = checksum(bytes, len);
        memcpy(bytes + CHECKED, &sum, sizeof sum);
        st = dnx_outfile_write(path, bytes, len, err);
    }
    free(bytes);
    return st;
}

typedef struct {
    const unsigned char *at, *end;
    const char *path;
} reader;

static bool get(reader *r, void *to, size_t n) {
    if ((size_t)(r->end - r->at) < n) return false;
    memcpy(to, r->at, n);
    r->at += n;
    return true;
}

size_t dnx_packed_numbers(const unsigned char *bytes, size_t len) {
    reader r = {bytes + (len < HEADER ? len : HEADER), bytes + len, NULL};
    size_t numbers = 0;
    for (uint32_t layer[2]; get(&r, layer, sizeof layer);)
        for (uint32_t k = 0, head[2]; k < layer[1]; k++) {
            uint64_t count;
            if (!get(&r, head, sizeof head) || !get(&r, &count, sizeof count) ||
                (head[0] == 1 && (!head[1] || count % head[1])))
                return numbers;
            const size_t size = bytes_of(head[0], head[1], (size_t)count);
            if ((size_t)(r.end - r.at) < size) return numbers;
            r.at += size;
            numbers += (size_t)count;
        }
    return numbers;
}

static float number(const unsigned char *from, uint32_t bits, const dnx_param *p, size_t i) {
    float v;
    uint16_t h;
    if (bits == 16) {
        memcpy(&h, from + i * sizeof h, sizeof h);
        return dnx_from_half(h);
    }
    if (bits == 32) {
        memcpy(&v, from + i * sizeof v, sizeof v);
        return v;
    }
    size_t filters = (size_t)p->filters, len = p->count / filters, row = (len + 7) / 8;
    const unsigned char *signs = from + sizeof v * filters + i / len * row;
    memcpy(&v, from + i / len * sizeof v, sizeof v);
    return signs[i % len / 8] >> (i % len % 8) & 1 ? v : -v;
}

/* Checks one tensor of the file, and stores its numbers when `stores` is true. */
static dnx_status get_tensor(reader *r, dnx_net *net, int i, const dnx_param *p, bool stores,
                             dnx_err *err) {
    const char *type = net->nodes[i].type->name;
    const bool is_bit = p->is_one_bit;
    uint32_t head[2];
    uint64_t count;
    const bool has_head = get(r, head, sizeof head) && get(r, &count, sizeof count);
    if (has_head && (count != p->count || is_bit != (head[0] == 1) ||
                     (is_bit ? head[1] != (uint32_t)p->filters : head[0] != 32 && head[0] != 16)))
        return dnx_fail_at(err, DNX_EWEIGHTS, r->path,
                           "packed file of another network: %s of layer %d [%s] are %zu numbers of "
                           "%s, in the file %llu of %u bits",
                           p->name, i, type, p->count, is_bit ? "1 bit" : "32 or 16 bits",
                           (unsigned long long)count, (unsigned)head[0]);
    size_t size = has_head ? bytes_of(head[0], (size_t)p->filters, p->count) : 0;
    if (!has_head || (size_t)(r->end - r->at) < size)
        return dnx_fail_at(err, DNX_EWEIGHTS, r->path, "packed file ends at %s of layer %d [%s]",
                           p->name, i, type);
    for (size_t k = 0; k < p->count; k++) {
        float v = number(r->at, head[0], p, k);
        if (!isfinite(v))
            return dnx_fail_at(err, DNX_EWEIGHTS, r->path, "%s of layer %d [%s] are not numbers",
                               p->name, i, type);
        if (p->role == DNX_VARIANCE && v < 0)
            return dnx_fail_at(err, DNX_EWEIGHTS, r->path,
                               "variance of channel %zu of layer %d [%s] is %g, below 0: damaged, "
                               "or of another network",
                               k, i, type, (double)v);
        if (stores) p->value[k] = v;
    }
    r->at += size;
    return DNX_OK;
}

/* Checks the parameters of all layers, and stores those of the first `stored` layers. */
static dnx_status walk(reader r, dnx_net *net, int stored, dnx_err *err) {
    dnx_param list[DNX_MAX_PARAMS];
    for (int i = 0; i < net->n; i++) {
        uint32_t head[2];
        const bool stores = i < stored;
        int n = dnx_net_params(net, i, list);
        if (!n) continue;
        dnx_status st = stores ? dnx_net_restore_params(net, i, list, &n, err) : DNX_OK;
        if (st) return st;
        if (!get(&r, head, sizeof head) || head[0] != (uint32_t)i || head[1] != (uint32_t)n)
            return dnx_fail_at(
                err, DNX_EWEIGHTS, r.path,
                "packed file of another network: layer %d [%s] is not there with %d tensors", i,
                net->nodes[i].type->name, n);
        for (int k = 0; k < n && !st; k++) st = get_tensor(&r, net, i, &list[k], stores, err);
        if (!st && stores) dnx_net_fingerprint_params(net, i, list, n);
        if (!st && stores && net->keeps_no_weights) st = dnx_net_release_params(net, i, err);
        if (st) return st;
    }
    if (r.at == r.end) return DNX_OK;
    return dnx_fail_at(err, DNX_EWEIGHTS, r.path,
                       "packed file of another network: %zu bytes are left over",
                       (size_t)(r.end - r.at));
}

dnx_status dnx_packed_load(dnx_net *net, const char *path, const unsigned char *bytes, size_t len,
                           int layers, dnx_err *err) {
    uint32_t head[2];
    uint64_t sizes[2], sum;
    if (len < HEADER)
        return dnx_fail_at(err, DNX_EWEIGHTS, path,
                           "packed file cut short: %zu bytes, the header has %d", len, HEADER);
    memcpy(head, bytes + 8, sizeof head);
    memcpy(sizes, bytes + 16, sizeof sizes);
    memcpy(&sum, bytes + CHECKED, sizeof sum);
    if (head[0] != VERSION)
        return dnx_fail_at(err, DNX_EWEIGHTS, path,
                           "packed file of version %u; version %d is read%s", (unsigned)head[0],
                           VERSION, head[0] < VERSION ? ": pack the weights again" : "");
    if (sizes[1] != len)
        return dnx_fail_at(
            err, DNX_EWEIGHTS, path, "packed file %s: %zu bytes, its header says %llu",
            len < sizes[1] ? "cut short" : "too long", len, (unsigned long long)sizes[1]);
    if (sum != checksum(bytes, len))
        return dnx_fail_at(err, DNX_EWEIGHTS, path, "packed file damaged: its checksum differs");
    if (head[1] != (uint32_t)net->n)
        return dnx_fail_at(err, DNX_EWEIGHTS, path,
                           "packed file of another network: of %u layers, this one has %d",
                           (unsigned)head[1], net->n);
    reader r = {bytes + HEADER, bytes + len, path};
    dnx_status st = walk(r, net, 0, err);
    if (!st) st = walk(r, net, layers, err);
    if (!st) net->seen = sizes[0];
    return st;
}
