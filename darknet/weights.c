#include "weights.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__ /* told by the headers above */
#include <malloc.h>
#endif

#include "files.h"
#include "outfile.h"
#include "packed.h"

#define MOST ((size_t)1 << 40) /* bytes of a file */
#define HEADER 20     /* three int32 and a uint64 seen */
#define OLD_HEADER 16 /* before version 0.2: seen is an int32 */

static dnx_status cannot_read(const char *path, dnx_err *err) {
    dnx_loc at = {path, 0};
    if (errno == ENOMEM) return dnx_fail(err, DNX_EMEM, at, "no memory for the file");
    if (errno == EISDIR || errno == EINVAL)
        return dnx_fail(err, DNX_EIO, at, "is not a regular file");
    return dnx_fail(err, DNX_EIO, at, "cannot open: %s", strerror(errno));
}

/* Float number `at` of the file is NaN or infinite: says of which layer. */
static dnx_status no_number(dnx_net *net, size_t at, dnx_loc file, dnx_err *err) {
    dnx_param list[DNX_MAX_PARAMS];
    size_t start = 0;
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; start += list[k++].count)
            if (at - start < list[k].count)
                return dnx_fail(err, DNX_EWEIGHTS, file,
                                "number %zu of %s of layer %d [%s] is NaN or infinite", at - start,
                                list[k].name, i, net->nodes[i].type->name);
    return dnx_fail(err, DNX_EWEIGHTS, file, "float %zu, behind the network's, is NaN or infinite",
                    at);
}

/* Walks the parameters in file order; the file holds `have` floats from `data` on. With
 * stores=false only the length is checked. */
static dnx_status walk(dnx_net *net, const char *path, const unsigned char *data, size_t have,
                       bool stores, dnx_err *err) {
    dnx_loc at = {path, 0};
    dnx_param list[DNX_MAX_PARAMS];
    size_t used = 0, need = 0;
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++) need += list[k].count;
    bool is_known = true; /* no loss without its teacher came before, which may have parameters */
    for (int i = 0; i < net->n; i++) {
        int n = dnx_net_params(net, i, list);
        const dnx_node *node = &net->nodes[i];
        if (node->type->wants && dnx_size(node->target) == 0) is_known = false;
        if (n > 0 && !is_known && have != need)
            return dnx_fail(err, DNX_EWEIGHTS, at,
                            "layer %d [%s] stands behind a loss whose teacher is not there, so its "
                            "weights cannot be found",
                            i, node->type->name);
        for (int k = 0; k < n; used += list[k].count, k++) {
            if (have - used < list[k].count)
                return dnx_fail(err, DNX_EWEIGHTS, at,
                                "too short: ends at %s of layer %d [%s]; the network has %zu "
                                "floats, the file %zu",
                                list[k].name, i, node->type->name, need, have);
            if (stores) memcpy(list[k].value, data + used * sizeof(float),
                               list[k].count * sizeof(float));
        }
    }
    if (used != have && !net->is_partial)
        return dnx_fail(err, DNX_EWEIGHTS, at,
                        "too long: the network has %zu floats, the file %zu", used, have);
    return DNX_OK;
}

dnx_status dnx_weights_load(dnx_net *net, const char *path, dnx_err *err) {
    dnx_loc at = {path, 0};
    size_t len = 0, header = HEADER;
    int32_t version[3], old_seen;
    uint64_t seen = 0;
    dnx_status st = DNX_OK;
    unsigned char *bytes = (unsigned char *)dnx_file_read_most(path, MOST, &len);
    if (!bytes) return cannot_read(path, err);
    if (dnx_packed_is(bytes, len)) {
        st = dnx_packed_load(net, path, bytes, len, err);
        goto end;
    }
    if (len < OLD_HEADER) {
        st = dnx_fail(err, DNX_EWEIGHTS, at, "too short for the header of a weights file");
        goto end;
    }
    memcpy(version, bytes, sizeof version);
    if (version[0] < 0 || version[0] > 1000 || version[1] < 0 || version[1] > 1000) {
        st = dnx_fail(err, DNX_EWEIGHTS, at, "not a weights file: version %d.%d", (int)version[0],
                      (int)version[1]);
        goto end;
    }
    if (version[0] * 10 + version[1] < 2) {
        header = OLD_HEADER;
        memcpy(&old_seen, bytes + 12, sizeof old_seen);
        seen = old_seen < 0 ? 0 : (uint64_t)old_seen;
    } else if (len >= HEADER) memcpy(&seen, bytes + 12, sizeof seen);
    if (len < header) {
        st = dnx_fail(err, DNX_EWEIGHTS, at, "too short for the header of a weights file");
        goto end;
    }
    if ((len - header) % sizeof(float)) {
        st = dnx_fail(err, DNX_EWEIGHTS, at, "cut short: %zu bytes after the header are no floats",
                      len - header);
        goto end;
    }
    size_t have = (len - header) / sizeof(float);
    for (size_t i = 0; i < have && !st; i++) {
        float v;
        memcpy(&v, bytes + header + i * sizeof v, sizeof v);
        if (!isfinite(v)) st = no_number(net, i, at, err);
    }
    if (!st) st = walk(net, path, bytes + header, have, false, err);
    if (!st) st = walk(net, path, bytes + header, have, true, err);
    if (!st) net->seen = seen;
end:
    free(bytes); /* before the layers make their own copies */
    if (!st) st = dnx_net_prepare(net, err);
#ifdef __GLIBC__
    malloc_trim(0); /* what prepare() worked with goes back to the system */
#endif
    return st;
}

dnx_status dnx_weights_save(dnx_net *net, const char *path, dnx_err *err) {
    dnx_outfile f;
    int32_t version[3] = {0, 2, 0};
    dnx_param list[DNX_MAX_PARAMS];
    dnx_status st = dnx_outfile_open(&f, path, err);
    if (st) return st;
    dnx_outfile_put(&f, version, sizeof version);
    dnx_outfile_put(&f, &net->seen, sizeof net->seen);
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
            dnx_outfile_put(&f, list[k].value, sizeof(float) * list[k].count);
    return dnx_outfile_close(&f, true, err);
}
