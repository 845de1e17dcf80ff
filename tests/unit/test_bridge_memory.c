/* test_bridge_memory.c - copying parameters when memory runs out at each allocation: an error, or
 * the complete table. */
#include <stdlib.h>

#include "lib/check.h"
#include "net/bridge.h"
#include "net/weights.h"

/* The linker makes calls of malloc() and the others go here. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);
void __wrap_free(void *p);

static int calls, fails_at;

static bool fails(void) { return ++calls == fails_at; }

void *__wrap_malloc(size_t n) { return fails() ? NULL : __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t n) { return fails() ? NULL : __real_realloc(p, n); }
char *__wrap_strdup(const char *s) { return fails() ? NULL : __real_strdup(s); }
void __wrap_free(void *p) { __real_free(p); }

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
        calls = 0;
        fails_at = at;
        dnx_status st = take(&b, &err);
        fails_at = 0;
        check(st ? st == DNX_EMEM && err.text[0] : b.n == rows,
              "%s: allocation %d fails: status %d, %d of %d rows, '%s'", name, at, (int)st, b.n,
              rows, err.text);
        refused += st != DNX_OK;
        dnx_bridge_free(&b);
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
