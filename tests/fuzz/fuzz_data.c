/* fuzz_data.c - libFuzzer target: the input is a .data file. */
#include <stdlib.h>

#include "data/datafile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dnx_err err = {0};
    dnx_lines l;
    dnx_data_opts o;
    if (dnx_lines_copy(&l, (const char *)data, size, "fuzz.data", "a .data file", &err)) return 0;
    dnx_status st = dnx_datafile_parse(&l, &o, &err);
    if (!st != !err.text[0]) abort();
    if (!st && (o.classes < 0 || o.top < 1 || !o.backup || (o.train && !*o.train))) abort();
    if (!st) dnx_datafile_free(&o);
    dnx_lines_free(&l);
    return 0;
}
