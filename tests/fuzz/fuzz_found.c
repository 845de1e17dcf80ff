/* fuzz_found.c - libFuzzer target: the input is a record of `darknet faces`. */
#include "face/found.h"
#include "fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = calloc(1, size + 1);
    dnx_found_list l;
    dnx_err err = {0};
    fuzz_must(text != NULL);
    if (size) memcpy(text, data, size);
    dnx_status st = dnx_found_parse(text, size, "fuzz", &l, &err);
    fuzz_must(!st == !err.text[0] && l.bytes <= size);
    for (size_t i = 0; i < l.n; i++) {
        const dnx_found_photo *p = &l.photo[i];
        fuzz_must(p->path && *p->path && p->first + p->n <= l.faces);
    }
    dnx_found_sort(&l);
    for (size_t i = 0; i < l.n; i++) fuzz_must(dnx_found_get(&l, l.photo[i].path) != NULL);
    dnx_found_free(&l);
    free(text);
    return 0;
}
