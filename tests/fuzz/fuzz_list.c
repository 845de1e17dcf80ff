/* fuzz_list.c - libFuzzer target: the input is a list of images. */
#include <math.h>

#include "data/list.h"
#include "fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dnx_err err = {0};
    dnx_image_list l;
    dnx_status st = dnx_image_list_copy((const char *)data, size, "fuzz/list", &l, &err);
    fuzz_must(!st == !err.text[0]);
    if (!st) st = dnx_image_list_check(&l, &err);
    for (size_t i = 0; !st && i < l.n; i++) {
        int class_of = -1;
        double v = l.image[i].class_of;
        fuzz_must(*l.image[i].path && (isnan(v) || v == floor(v)));
        if (!isnan(v) && !dnx_listed_class(&l, i, 10, &class_of, NULL))
            fuzz_must(class_of >= 0 && class_of < 10);
    }
    dnx_image_list_free(&l);
    return 0;
}
