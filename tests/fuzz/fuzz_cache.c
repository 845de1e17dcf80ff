/* fuzz_cache.c - libFuzzer target: the input is a cache of a teacher's outputs. Then the same input
 * is read as a list of changes to the partial cache file of an interrupted process. */
#include <stdio.h>

#include "base/hash.h"
#include "data/cache.h"
#include "fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CACHE_ROWS = 300, CACHE_DIM = 2 };

static void cache_name(void *arg, size_t row, char *text, size_t room) {
    (void)arg;
    snprintf(text, room, "%zu", row);
}

static void cache_read(const char *path) {
    dnx_cache c;
    dnx_err err = {0};
    unsigned sum = 0;
    dnx_status st = dnx_cache_open(&c, path, &err);
    fuzz_must(!st == !err.text[0]);
    if (st) return;
    for (size_t i = 0; i < c.rows && c.dim; i++)
        sum += dnx_cache_row(&c, i)[0] + dnx_cache_row(&c, i)[c.dim - 1];
    dnx_cache_close(&c);
    fuzz_must(sum < UINT32_MAX);
}

/* Corrects the checksums of a cache; data/cache.h describes them. */
static void cache_repair(uint8_t *p, size_t size) {
    uint32_t head[5], n;
    size_t at = 32;
    uint64_t sum;
    if (size < at) return;
    memcpy(head, p + 4, sizeof head);
    sum = dnx_hash(dnx_hash(dnx_hash(0, p, 4), p + 4, 20), p + 24, 8);
    for (uint32_t i = 0; i < head[1]; i++, at += n) {
        if (size - at < sizeof n) return;
        memcpy(&n, p + at, sizeof n);
        if (size - at - sizeof n < n) return;
        sum = dnx_hash(dnx_hash(sum, p + at, sizeof n), p + at + sizeof n, n);
        at += sizeof n;
    }
    size_t padding = (120 - at % 64) % 64, rows = head[1], bytes;
    if (size - at < padding + sizeof sum) return;
    sum = dnx_hash(sum, p + at, padding);
    memcpy(p + at + padding, &sum, sizeof sum);
    at += padding + sizeof sum;
    for (size_t i = 0; i < rows; i += 256, at += bytes + sizeof sum) {
        bytes = (rows - i < 256 ? rows - i : 256) * head[2] * 2;
        if (size - at < bytes + sizeof sum) return;
        sum = dnx_hash(0xcbf29ce484222325u ^ i, p + at, bytes);
        memcpy(p + at + bytes, &sum, sizeof sum);
    }
}

static const dnx_cache_head cache_head = {7, CACHE_ROWS, CACHE_DIM, cache_name, NULL};
static const float cache_row[CACHE_DIM] = {1, 2};

/* Writes a partial file and changes it. Each 4 bytes of data are a position (2 bytes), a new byte
 * for this position, and a flag. With flag 0 the file is cut at the position instead. */
static bool cache_leave(const char *path, const char *partial, const uint8_t *data, size_t size) {
    dnx_cache_out f;
    unlink(partial);
    fuzz_must(!dnx_cache_begin(&f, path, &cache_head, NULL) && f.done == 0);
    while (f.done < CACHE_ROWS - 10) dnx_cache_put(&f, cache_row, 1);
    fuzz_must(!dnx_cache_end(&f, NULL));
    FILE *file = fopen(partial, "r+b");
    if (!file) return false;
    for (size_t i = 0; i + 4 <= size; i += 4) {
        long at = data[i] * 256L + data[i + 1];
        if (data[i + 3] == 0) (void)!ftruncate(fileno(file), at);
        else if (at < 8192 && !fseek(file, at, SEEK_SET)) fputc(data[i + 2], file);
        fflush(file);
    }
    return !fclose(file);
}

static void cache_go_on(const char *path, const char *partial, const uint8_t *data, size_t size) {
    dnx_cache_out f;
    dnx_cache c;
    unlink(path);
    if (!cache_leave(path, partial, data, size)) return;
    fuzz_must(!dnx_cache_begin(&f, path, &cache_head, NULL) && f.done <= CACHE_ROWS);
    while (f.done < CACHE_ROWS) dnx_cache_put(&f, cache_row, 1);
    fuzz_must(!dnx_cache_end(&f, NULL));
    fuzz_must(!dnx_cache_open(&c, path, NULL) && c.rows == CACHE_ROWS && c.dim == CACHE_DIM);
    for (size_t i = 0; i < CACHE_ROWS; i++)
        fuzz_must(dnx_cache_row(&c, i)[0] == 0x3c00 && dnx_cache_row(&c, i)[1] == 0x4000);
    dnx_cache_close(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = fuzz_path("cache");
    char partial[120];
    uint8_t *copy = fuzz_copy(data, size);
    snprintf(partial, sizeof partial, "%s.partial", path);
    if (copy && fuzz_write(path, copy, size)) cache_read(path);
    if (copy) cache_repair(copy, size);
    if (copy && fuzz_write(path, copy, size)) cache_read(path);
    if (copy) cache_go_on(path, partial, copy, size);
    unlink(path);
    unlink(partial);
    free(copy);
    return 0;
}
