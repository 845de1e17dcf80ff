/* finite.c - searches outputs and parameters for NaN and infinity. */
#include "net/finite.h"

#include <math.h>

static bool all_finite(const float *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i])) return false;
    return true;
}

dnx_status dnx_check_outputs(dnx_net *net, dnx_err *err) {
    for (int i = 0; i < net->n; i++) {
        const dnx_node *n = &net->nodes[i];
        if (all_finite(dnx_net_output(net, i, net->batch), dnx_size(n->out) * (size_t)net->batch))
            continue;
        return dnx_fail(err, DNX_ENUMBER, n->loc, "NaN or infinity in the output of layer %d [%s]",
                        i, n->type->name);
    }
    return DNX_OK;
}

dnx_status dnx_check_numbers(const float *v, size_t n, const char *of, dnx_err *err) {
    if (all_finite(v, n)) return DNX_OK;
    return dnx_fail_at(err, DNX_ENUMBER, of, "the network's output is NaN or infinite");
}

dnx_status dnx_check_params(dnx_net *net, dnx_err *err) {
    dnx_param list[DNX_MAX_PARAMS];
    for (int i = 0; i < net->n; i++)
        for (int k = 0, n = dnx_net_params(net, i, list); k < n; k++)
            if (!all_finite(list[k].value, list[k].count))
                return dnx_fail(err, DNX_ENUMBER, net->nodes[i].loc,
                                "NaN or infinity in the %s of layer %d [%s]", list[k].name, i,
                                net->nodes[i].type->name);
    return DNX_OK;
}
