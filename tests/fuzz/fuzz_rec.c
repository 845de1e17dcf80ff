/* fuzz_rec.c - libFuzzer target: the input is NAME.idx, a byte 0, and NAME.rec (RecordIO). */
#include <fcntl.h>

#include "data/recordio.h"
#include "fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rec_read(const char *path) {
    dnx_records r;
    dnx_err err = {0};
    unsigned char head[DNX_IMAGE_HEAD];
    dnx_status st = dnx_records_open(path, &r, &err);
    fuzz_must(!st == !err.text[0]);
    for (size_t i = 0; !st && i < r.n; i++) {
        float label;
        size_t n = 0, len = 0;
        const char *why;
        if (!dnx_record_label(r.fd, r.size, r.at[i], &label, head, &n)) fuzz_must(n <= sizeof head);
        unsigned char *bytes = dnx_record_image(r.fd, r.size, r.at[i], &len, &why);
        fuzz_must(bytes ? len <= r.size : why != NULL);
        free(bytes);
    }
    if (r.fd >= 0) close(r.fd);
    dnx_records_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    char rec[120], idx[120];
    if (!end) return 0;
    snprintf(rec, sizeof rec, "%s.rec", fuzz_path("rec"));
    snprintf(idx, sizeof idx, "%s.idx", fuzz_path("rec"));
    size_t n = (size_t)(end - data);
    if (fuzz_write(idx, data, n) && fuzz_write(rec, end + 1, size - n - 1)) rec_read(rec);
    unlink(rec);
    unlink(idx);
    return 0;
}
