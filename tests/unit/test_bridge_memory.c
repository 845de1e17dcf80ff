/* test_bridge_memory.c - makes each allocation fail in turn while parameters are copied from a file
 * or a network. The copy must return an error or the complete table of layers, and free all. */
#include "base/inputs.h"
#include "lib/check.h"
#include "lib/failing_memory.h"
#include "net/bridge.h"
#include "net/weights.h"

#define BACKBONE                                                                                   \
    "[net]\nbatch=2\nheight=8\nwidth=8\nchannels=3\n"                                              \
    "[convolutional]\nfilters=4\nsize=3\npad=1\n[global_depthwise]\n"                              \
    "[convolutional]\nfilters=6\nactivation=linear\n"
#define HEAD "[margin_softmax]\nclasses=5\n"

static dnx_net *from, *to;

static dnx_status from_file(dnx_bridge *b, dnx_err *err) {
    return dnx_bridge_file(to, path("from.weights"), DNX_FIT_BACKBONE, b, err);
}

static dnx_status from_net(dnx_bridge *b, dnx_err *err) {
    return dnx_bridge_net(from, to, (dnx_bridge_how){.new_heads = true}, b, err);
}

static void test(const char *name, dnx_status (*take)(dnx_bridge *, dnx_err *), int rows) {
    int refused = 0;
    for (int at = 1;; at++) {
        dnx_bridge b = {0};
        dnx_err err = {0};
        calls = live = 0;
        fails_at = at;
        dnx_status st = take(&b, &err);
        fails_at = 0;
        check(st ? st == DNX_EMEM && err.text[0] : b.n == rows,
              "%s: allocation %d fails: status %d, %d of %d rows, '%s'", name, at, (int)st, b.n,
              rows, err.text);
        refused += st != DNX_OK;
        dnx_bridge_free(&b);
        dnx_inputs_rewind(0);
        check(live == 0, "%s: allocation %d fails: %d blocks are not freed", name, at, live);
        if (calls < at) break;
    }
    check(refused > 0, "%s: no allocation failed", name);
}

int main(void) {
    dnx_err err = {0};
    make_folder();
    from = make_net(BACKBONE HEAD, "from.cfg", false, 1, 1);
    to = make_net(BACKBONE "[margin_softmax]\nclasses=7\n", "to.cfg", false, 1, 1);
    must(!dnx_weights_save(from, path("from.weights"), &err), err.text);
    test("a file", from_file, 5);
    test("a network", from_net, 5);
    dnx_net_free(from);
    dnx_net_free(to);
    return summary();
}
