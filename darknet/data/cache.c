/* cache.c - writes and reads files of rows with checksums. */
#include "data/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/half.h"
#include "base/hash.h"

enum { VERSION = 4, HEAD = 32, ALIGN = 64, BLOCK = 256 /* rows */, SUM = sizeof(uint64_t) };

/* The checksum covers first_row, so blocks in a wrong order are found. The checksum of a block of
 * zeros is not 0, so a part of the file that contains only zeros is found, too. */
static uint64_t sum_of(size_t first_row, const void *bytes, size_t n) {
    return dnx_hash(DNX_HASH_START ^ first_row, bytes, n);
}

static size_t rows_of_block(size_t rows, size_t first) {
    return rows - first < BLOCK ? rows - first : BLOCK;
}

/* ---- writing ---- */

typedef struct {
    dnx_outfile *file; /* when NULL, put() only computes size and sum */
    size_t size;
    uint64_t sum;
} sink;

static void put(sink *s, const void *bytes, size_t n) {
    s->sum = dnx_hash(s->sum, bytes, n);
    s->size += n;
    if (s->file) dnx_outfile_put(s->file, bytes, n);
}

/* Writes the head without its checksum. */
static void put_head(sink *s, const dnx_cache_head *h) {
    static const char zeros[ALIGN];
    const uint32_t words[] = {VERSION, (uint32_t)h->rows, (uint32_t)h->dim, BLOCK, 0};
    char name[4096];
    put(s, "DNXE", 4);
    put(s, words, sizeof words);
    put(s, &h->key, sizeof h->key);
    for (size_t i = 0; i < h->rows; i++) {
        h->name(h->arg, i, name, sizeof name);
        uint32_t n = (uint32_t)strlen(name);
        put(s, &n, sizeof n);
        put(s, name, n);
    }
    put(s, zeros, (2 * ALIGN - SUM - s->size % ALIGN) % ALIGN);
}

/* Sets f->done to the number of rows before the first damaged block, and *at to the offset where
 * these rows end. */
static void count_rows(dnx_cache_out *f, const sink *head, size_t *at) {
    FILE *file = f->file.file;
    size_t row = f->dim * sizeof *f->block;
    uint64_t sum;
    *at = head->size + SUM;
    if (fseeko(file, (off_t)head->size, SEEK_SET) || fread(&sum, SUM, 1, file) != 1 ||
        sum != head->sum)
        return;
    while (f->done < f->rows) {
        size_t n = rows_of_block(f->rows, f->done);
        if (fread(f->block, row, n, file) != n || fread(&sum, SUM, 1, file) != 1 ||
            sum != sum_of(f->done, f->block, n * row))
            break;
        f->done += n;
        *at += n * row + SUM;
    }
}

static void seek(dnx_cache_out *f, size_t at) {
    if (fseeko(f->file.file, (off_t)at, SEEK_SET) && !f->file.why)
        f->file.why = errno ? errno : EIO;
}

dnx_status dnx_cache_begin(dnx_cache_out *f, const char *path, const dnx_cache_head *h,
                           dnx_err *err) {
    dnx_loc at = {path, 0};
    sink head = {0};
    *f = (dnx_cache_out){.rows = h->rows, .dim = h->dim};
    if (h->rows > UINT32_MAX || h->dim > UINT32_MAX)
        return dnx_fail(err, DNX_EIO, at, "cannot write: %zu x %zu numbers are too many", h->rows,
                        h->dim);
    f->block = malloc(BLOCK * h->dim * sizeof *f->block);
    if (!f->block) return dnx_fail(err, DNX_EMEM, at, "no memory");
    dnx_status st = dnx_outfile_continue(&f->file, path, err);
    if (st) {
        free(f->block);
        return st;
    }
    put_head(&head, h);
    size_t end;
    sink out = {.file = &f->file};
    count_rows(f, &head, &end);
    seek(f, 0);
    put_head(&out, h); /* replaces an old head, which may be damaged */
    dnx_outfile_put(&f->file, &out.sum, SUM);
    seek(f, end);
    if (ftruncate(fileno(f->file.file), (off_t)end) && !f->file.why) f->file.why = errno;
    return DNX_OK;
}

void dnx_cache_put(dnx_cache_out *f, const float *v, size_t rows) {
    for (size_t i = 0; i < rows; i++, v += f->dim) {
        size_t in_block = f->done % BLOCK;
        uint16_t *to = f->block + in_block * f->dim;
        for (size_t k = 0; k < f->dim; k++) to[k] = dnx_to_half(v[k]);
        f->done++;
        if (++in_block < BLOCK && f->done < f->rows) continue;
        size_t bytes = in_block * f->dim * sizeof *f->block;
        uint64_t sum = sum_of(f->done - in_block, f->block, bytes);
        dnx_outfile_put(&f->file, f->block, bytes);
        dnx_outfile_put(&f->file, &sum, SUM);
    }
}

dnx_status dnx_cache_end(dnx_cache_out *f, dnx_err *err) {
    free(f->block);
    if (f->done == f->rows) return dnx_outfile_commit(&f->file, err);
    dnx_status st = f->file.why ? dnx_outfile_sync(&f->file, err) : DNX_OK;
    dnx_outfile_pause(&f->file);
    return st;
}

void dnx_cache_discard(dnx_cache_out *f) {
    free(f->block);
    dnx_outfile_discard(&f->file);
}

/* ---- reading ---- */

static const char *check_blocks(dnx_cache *f, const unsigned char *p, size_t left) {
    size_t row = f->dim * sizeof(uint16_t);
    uint64_t sum;
    f->first = p;
    for (size_t i = 0; i < f->rows; i += BLOCK) {
        size_t bytes = rows_of_block(f->rows, i) * row;
        if (left < bytes + SUM) return "cut short";
        memcpy(&sum, p + bytes, SUM);
        if (sum != sum_of(i, p, bytes)) return "damaged: a checksum is wrong";
        p += bytes + SUM;
        left -= bytes + SUM;
    }
    return left ? "damaged: too long" : NULL;
}

static const char *check(dnx_cache *f) {
    const unsigned char *p = f->map;
    uint32_t words[5], n;
    uint64_t sum, expected;
    size_t pos = HEAD;
    if (f->map_len < HEAD + SUM || memcmp(p, "DNXE", 4)) return "is not a teacher's cache";
    memcpy(words, p + 4, sizeof words);
    memcpy(&f->key, p + HEAD - sizeof f->key, sizeof f->key);
    if (words[0] < VERSION) return "is of an older version of this program";
    if (words[0] > VERSION || words[3] != BLOCK) return "is of another version of this program";
    f->rows = words[1];
    f->dim = words[2];
    sum = dnx_hash(dnx_hash(dnx_hash(0, p, 4), words, sizeof words), &f->key, sizeof f->key);
    for (size_t i = 0; i < f->rows; i++, pos += n) {
        if (f->map_len - pos < sizeof n) return "cut short";
        memcpy(&n, p + pos, sizeof n);
        if (f->map_len - pos - sizeof n < n) return "cut short";
        sum = dnx_hash(dnx_hash(sum, p + pos, sizeof n), p + pos + sizeof n, n);
        pos += sizeof n;
    }
    size_t padding = (2 * ALIGN - SUM - pos % ALIGN) % ALIGN;
    if (f->map_len - pos < padding + SUM) return "cut short";
    sum = dnx_hash(sum, p + pos, padding);
    memcpy(&expected, p + pos + padding, SUM);
    if (sum != expected) return "damaged: the checksum of its head is wrong";
    pos += padding + SUM;
    return check_blocks(f, p + pos, f->map_len - pos);
}

dnx_status dnx_cache_open(dnx_cache *f, const char *path, dnx_err *err) {
    dnx_loc at = {path, 0};
    struct stat info;
    *f = (dnx_cache){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return dnx_fail(err, DNX_EIO, at, "cannot open: %s", strerror(errno));
    if (!fstat(fd, &info) && S_ISREG(info.st_mode) && info.st_size > 0) {
        f->map_len = (size_t)info.st_size;
        f->map = mmap(NULL, f->map_len, PROT_READ, MAP_PRIVATE, fd, 0);
        if (f->map == MAP_FAILED) f->map = NULL;
    }
    close(fd);
    const char *why = f->map ? check(f) : "cannot be read";
    if (!why) return DNX_OK;
    dnx_cache_close(f);
    return dnx_fail(err, DNX_EPARSE, at, "%s; remove it to have it made again", why);
}

const uint16_t *dnx_cache_row(const dnx_cache *f, size_t i) {
    size_t bytes = f->dim * sizeof(uint16_t);
    return (const uint16_t *)(const void *)(f->first + i * bytes + i / BLOCK * SUM);
}

void dnx_cache_close(dnx_cache *f) {
    if (f->map) munmap(f->map, f->map_len);
    f->map = NULL;
}
