/* weights.c - reads and writes Darknet's .weights files. */
#include "net/weights.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"
#include "base/outfile.h"
#include "net/fingerprint.h"
#include "net/weights_kind.h"
#include "net/weights_packed.h"

#define MOST ((size_t)1 << 40)
#define HEADER 20     /* bytes: three int32, then `seen`, a uint64 */
#define OLD_HEADER 16 /* before version 0.2: `seen` is an int32 */

static dnx_status cannot_read(const char *path, dnx_err *err) {
    if (errno == ENOMEM) return dnx_fail_at(err, DNX_EMEM, path, "no memory for the file");
    if (errno == EISDIR || errno == EINVAL)
        return dnx_fail_at(err, DNX_EIO, path, "is not a regular file");
    return dnx_fail_at(err, DNX_EIO, path, "cannot open: %s", strerror(errno));
}

/* A weights file that is read block by block, because it may be larger than memory. */
typedef struct {
    const char *path;
    FILE *file;
    uint64_t seen;
    size_t header; /* bytes of the header */
    size_t floats; /* floats after the header */
} source;

static dnx_status ends_early(const source *s, dnx_err *err) {
    const char *why = ferror(s->file) ? strerror(errno) : "it became shorter";
    return dnx_fail_at(err, DNX_EIO, s->path, "cannot be read to its end: %s", why);
}

static dnx_status bad_variance(dnx_net *net, const source *s, const dnx_node *n, size_t channel,
                               float v, dnx_err *err) {
    const size_t need = dnx_weights_floats(net, net->n);
    if (s->floats == need)
        return dnx_fail_at(err, DNX_EWEIGHTS, s->path,
                           "variance of channel %zu of layer %d [%s] is %g, below 0: damaged, or "
                           "of another network",
                           channel, n->index, n->type->name, (double)v);
    return dnx_fail_at(err, DNX_EWEIGHTS, s->path,
                       "of another network: this one has %zu floats, the file %zu; layer %d [%s] "
                       "or an earlier one has another size there",
                       need, s->floats, n->index, n->type->name);
}

/* Checks the next `count` floats of the file, which belong to parameter `of` of layer n. n and `of`
 * are NULL for floats after the last parameter. */
static dnx_status check_span(dnx_net *net, const source *s, const dnx_node *n, const dnx_param *of,
                             size_t count, dnx_err *err) {
    float block[4096];
    const size_t most = sizeof block / sizeof *block;
    const bool is_variance = of && of->role == DNX_VARIANCE;
    for (size_t at = 0; at < count; at += most) {
        size_t some = count - at < most ? count - at : most;
        if (fread(block, sizeof *block, some, s->file) != some) return ends_early(s, err);
        for (size_t i = 0; i < some; i++) {
            if (!isfinite(block[i]) && of)
                return dnx_fail_at(err, DNX_EWEIGHTS, s->path,
                                   "number %zu of %s of layer %d [%s] is NaN or infinite", at + i,
                                   of->name, n->index, n->type->name);
            if (!isfinite(block[i]))
                return dnx_fail_at(err, DNX_EWEIGHTS, s->path,
                                   "float %zu, behind the network's, is NaN or infinite",
                                   s->floats - count + at + i);
            if (is_variance && block[i] < 0) return bad_variance(net, s, n, at + i, block[i], err);
        }
    }
    return DNX_OK;
}

static dnx_status check_numbers(dnx_net *net, const source *s, dnx_err *err) {
    dnx_param list[DNX_MAX_PARAMS];
    size_t left = s->floats;
    dnx_status st = DNX_OK;
    for (int i = 0; i < net->n && !st; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n && !st; k++) {
            size_t count = list[k].count < left ? list[k].count : left;
            st = check_span(net, s, &net->nodes[i], &list[k], count, err);
            left -= count;
        }
    return st ? st : check_span(net, s, NULL, NULL, left, err);
}

size_t dnx_weights_floats(dnx_net *net, int layers) {
    dnx_param list[DNX_MAX_PARAMS];
    size_t count = 0;
    for (int i = 0; i < layers; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++) count += list[k].count;
    return count;
}

/* Checks that the file has as many floats as the network. With net->is_partial the network lacks
 * parameters of a loss, so the file may have more floats. */
static dnx_status check_length(dnx_net *net, const source *s, dnx_err *err) {
    dnx_param list[DNX_MAX_PARAMS];
    size_t used = 0, need = dnx_weights_floats(net, net->n);
    /* false after a loss whose number of parameters is unknown because its teacher is missing */
    bool is_known = true;
    for (int i = 0; i < net->n; i++) {
        int n = dnx_net_params(net, i, list);
        const dnx_node *node = &net->nodes[i];
        if (node->distillation && node->type->classifier->needs_shape &&
            dnx_size(node->distillation->target) == 0)
            is_known = false;
        if (n > 0 && !is_known && s->floats != need)
            return dnx_fail_at(err, DNX_EWEIGHTS, s->path,
                               "layer %d [%s] stands behind a loss whose teacher is not there, so "
                               "its weights cannot be found",
                               i, node->type->name);
        for (int k = 0; k < n; used += list[k].count, k++)
            if (s->floats - used < list[k].count)
                return dnx_fail_at(err, DNX_EWEIGHTS, s->path,
                                   "too short: ends at %s of layer %d [%s]; the network has %zu "
                                   "floats, the file %zu",
                                   list[k].name, i, node->type->name, need, s->floats);
    }
    if (used == s->floats || net->is_partial) return DNX_OK;
    return dnx_fail_at(err, DNX_EWEIGHTS, s->path,
                       "too long: the network has %zu floats, the file %zu", used, s->floats);
}

/* Reads the parameters of the first `layers` layers. With keeps_no_weights, packs and frees the
 * parameters of each layer before it reads the next layer. */
static dnx_status store(dnx_net *net, const source *s, int layers, dnx_err *err) {
    dnx_param list[DNX_MAX_PARAMS];
    for (int i = 0, n; i < layers; i++) {
        dnx_status st = dnx_net_restore_params(net, i, list, &n, err);
        for (int k = 0; !st && k < n; k++)
            if (fread(list[k].value, sizeof(float), list[k].count, s->file) != list[k].count)
                st = ends_early(s, err);
        if (!st) dnx_net_fingerprint_params(net, i, list, n);
        if (!st && net->keeps_no_weights) st = dnx_net_release_params(net, i, err);
        if (st) return st;
    }
    return DNX_OK;
}

static dnx_status read_header(source *s, size_t len, dnx_err *err) {
    unsigned char bytes[DNX_KIND_BYTES];
    int32_t version[3] = {0}, old_seen;
    size_t got = fread(bytes, 1, sizeof bytes, s->file);
    if (ferror(s->file)) return ends_early(s, err);
    const char *kind = dnx_weights_kind(bytes, got);
    if (kind) return dnx_fail_at(err, DNX_EWEIGHTS, s->path, "not a weights file: %s", kind);
    if (got >= OLD_HEADER) memcpy(version, bytes, sizeof version);
    if (version[0] < 0 || version[0] >= 1000 || version[1] < 0 || version[1] >= 1000)
        return dnx_fail_at(err, DNX_EWEIGHTS, s->path, "not a weights file: version %d.%d",
                           (int)version[0], (int)version[1]);
    s->header = version[0] * 10 + version[1] < 2 ? OLD_HEADER : HEADER;
    if (got < s->header)
        return dnx_fail_at(err, DNX_EWEIGHTS, s->path,
                           "too short for the header of a weights file");
    memcpy(&old_seen, bytes + 12, sizeof old_seen);
    if (s->header == HEADER) memcpy(&s->seen, bytes + 12, sizeof s->seen);
    else s->seen = old_seen < 0 ? 0 : (uint64_t)old_seen;
    if ((len - s->header) % sizeof(float))
        return dnx_fail_at(err, DNX_EWEIGHTS, s->path,
                           "cut short: %zu bytes after the header are not floats", len - s->header);
    s->floats = (len - s->header) / sizeof(float);
    return DNX_OK;
}

static dnx_status to_floats(const source *s, dnx_err *err) {
    return fseek(s->file, (long)s->header, SEEK_SET) ? ends_early(s, err) : DNX_OK;
}

/* Loads the first `layers` layers; the file may be longer. With layers = -1, loads all layers, and
 * the file must fit. */
static dnx_status load_plain(dnx_net *net, source *s, size_t len, int layers, dnx_err *err) {
    dnx_status st = read_header(s, len, err);
    if (!st) st = to_floats(s, err);
    if (!st) st = check_numbers(net, s, err);
    if (!st && (layers < 0 || s->floats < dnx_weights_floats(net, layers)))
        st = check_length(net, s, err);
    if (!st) st = to_floats(s, err);
    if (!st) st = store(net, s, layers < 0 ? net->n : layers, err);
    if (!st) net->seen = s->seen;
    return st;
}

static dnx_status load_packed(dnx_net *net, const char *path, int layers, dnx_err *err) {
    size_t len;
    unsigned char *bytes = (unsigned char *)dnx_file_read_most(path, MOST, &len);
    if (!bytes) return cannot_read(path, err);
    dnx_status st = dnx_packed_load(net, path, bytes, len, layers < 0 ? net->n : layers, err);
    free(bytes);
    return st;
}

static dnx_status open_source(source *s, const char *path, size_t *len, bool *is_packed,
                              dnx_err *err) {
    unsigned char magic[DNX_PACKED_MAGIC];
    *s = (source){.path = path, .file = dnx_file_open(path, MOST, len)};
    if (!s->file) return cannot_read(path, err);
    *is_packed = dnx_packed_is(magic, fread(magic, 1, sizeof magic, s->file));
    dnx_status st = ferror(s->file) ? ends_early(s, err) : DNX_OK;
    if (st) fclose(s->file);
    else rewind(s->file);
    return st;
}

dnx_status dnx_weights_count(const char *path, size_t *floats, bool *is_packed, dnx_err *err) {
    size_t len;
    source s;
    dnx_status st = open_source(&s, path, &len, is_packed, err);
    if (st) return st;
    if (!*is_packed) st = read_header(&s, len, err);
    *floats = s.floats;
    fclose(s.file);
    return st;
}

dnx_status dnx_weights_held(const char *path, size_t *numbers, dnx_err *err) {
    bool is_packed = false;
    size_t len;
    dnx_status st = dnx_weights_count(path, numbers, &is_packed, err);
    if (st || !is_packed) return st;
    unsigned char *bytes = (unsigned char *)dnx_file_read_most(path, MOST, &len);
    if (!bytes) return cannot_read(path, err);
    *numbers = dnx_packed_numbers(bytes, len);
    free(bytes);
    return DNX_OK;
}

uint64_t dnx_weights_seen(const char *path) {
    size_t len;
    source s = {.path = path, .file = dnx_file_open_unnoted(path, MOST, &len)};
    if (!s.file) return UINT64_MAX;
    dnx_status st = read_header(&s, len, NULL);
    fclose(s.file);
    return st ? UINT64_MAX : s.seen;
}

dnx_status dnx_weights_load_first(dnx_net *net, const char *path, int layers, dnx_err *err) {
    size_t len;
    bool is_packed = false;
    source s;
    dnx_status st = open_source(&s, path, &len, &is_packed, err);
    if (st) return st;
    st = is_packed ? load_packed(net, path, layers, err) : load_plain(net, &s, len, layers, err);
    fclose(s.file);
    if (!st) st = dnx_net_prepare(net, err);
    dnx_return_memory(); /* prepare() has freed memory: gives it back to the system */
    return st;
}

dnx_status dnx_weights_load(dnx_net *net, const char *path, dnx_err *err) {
    return dnx_weights_load_first(net, path, -1, err);
}

dnx_status dnx_weights_save_first(dnx_net *net, const char *path, int layers, dnx_err *err) {
    dnx_outfile f;
    int32_t version[3] = {0, 2, 0};
    dnx_param list[DNX_MAX_PARAMS];
    dnx_status st = dnx_outfile_open(&f, path, err);
    if (st) return st;
    dnx_outfile_put(&f, version, sizeof version);
    dnx_outfile_put(&f, &net->seen, sizeof net->seen);
    for (int i = 0; i < layers; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
            dnx_outfile_put(&f, list[k].value, sizeof(float) * list[k].count);
    return dnx_outfile_commit(&f, err);
}

dnx_status dnx_weights_save(dnx_net *net, const char *path, dnx_err *err) {
    return dnx_weights_save_first(net, path, net->n, err);
}
