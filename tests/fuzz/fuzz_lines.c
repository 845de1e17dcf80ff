/* fuzz_lines.c - libFuzzer target: the input is a text of lines, fields and numbers. */
#include "base/lines.h"
#include "dnx.h"
#include "fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dnx_err err = {0};
    dnx_lines l;
    dnx_status st = dnx_lines_copy(&l, (const char *)data, size, "fuzz", "a text", &err);
    fuzz_must(!st == !err.text[0] && !st == (l.text != NULL));
    if (st) return 0;
    size_t count = 0;
    int last = 0;
    for (char *line, *f[4]; (line = dnx_lines_next(&l, "#")); count++) {
        double d;
        long v;
        size_t n = strlen(line);
        fuzz_must(n && *line != '#' && l.number > last && !strpbrk(line, "\r\n"));
        fuzz_must(line >= l.text && line + n <= l.text + l.len);
        last = l.number;
        dnx_whole(line, -9, 9, &v);
        dnx_decimal(line, &d);
        int fields = dnx_fields(line, dnx_separator(line), f, 4);
        for (int i = 0; i < fields && i < 4; i++) fuzz_must(strlen(f[i]) <= n);
    }
    fuzz_must(count <= l.count);
    dnx_lines_free(&l);
    return 0;
}
