#include "data/embeddings.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/half.h"

#define HALF_MAX 65504.f
enum { HEAD = 16, HEAD_2 = 32, ALIGN = 64 };

static bool is_second(const dnx_embeddings_out *f) { return f->is_half || f->checksum; }

static void put_head(dnx_embeddings_out *f, size_t count) {
    bool second = is_second(f);
    uint32_t head[5] = {second ? 2 : 1, (uint32_t)count, f->dim, f->is_half ? 2 : 4, 0};
    dnx_outfile_put(&f->file, "DNXE", 4);
    dnx_outfile_put(&f->file, head, second ? sizeof head : 12);
    if (second) dnx_outfile_put(&f->file, &f->checksum, sizeof f->checksum);
}

/* Behind the names; version 2 pads them. */
static void begin_rows(dnx_embeddings_out *f) {
    static const char zeros[ALIGN];
    if (is_second(f)) dnx_outfile_put(&f->file, zeros, (ALIGN - f->file.size % ALIGN) % ALIGN);
    f->start = f->file.size;
    f->has_names = true;
}

dnx_status dnx_embeddings_create(dnx_embeddings_out *f, const char *path, size_t count, size_t dim,
                               bool half, uint64_t checksum, dnx_err *err) {
    *f = (dnx_embeddings_out){.dim = (uint32_t)dim, .is_half = half, .checksum = checksum};
    if (count > UINT32_MAX || dim > UINT32_MAX)
        return dnx_fail(err, DNX_EIO, (dnx_loc){path, 0},
                        "cannot write: %zu x %zu numbers are too many", count, dim);
    dnx_status st = dnx_outfile_open(&f->file, path, err);
    if (st) return st;
    put_head(f, count);
    return DNX_OK;
}

void dnx_embeddings_name(dnx_embeddings_out *f, const char *name) {
    uint32_t n = (uint32_t)strlen(name);
    dnx_outfile_put(&f->file, &n, sizeof n);
    dnx_outfile_put(&f->file, name, n);
}

void dnx_embeddings_rows(dnx_embeddings_out *f, const float *v, size_t rows) {
    size_t n = rows * f->dim;
    if (!f->has_names) begin_rows(f);
    if (!f->is_half) {
        dnx_outfile_put(&f->file, v, n * sizeof *v);
        return;
    }
    uint16_t part[512];
    for (size_t i = 0; i < n; i += 512) {
        size_t k = n - i < 512 ? n - i : 512;
        for (size_t j = 0; j < k; j++)
            part[j] = dnx_to_half(fminf(fmaxf(v[i + j], -HALF_MAX), HALF_MAX));
        dnx_outfile_put(&f->file, part, k * sizeof *part);
    }
}

/* Moves n bytes of the file forward, from one place to an earlier one. */
static bool move_bytes(const dnx_embeddings_out *f, size_t from, size_t to, size_t n) {
    char part[1 << 16];
    int in = open(f->file.temporary, O_RDONLY | O_CLOEXEC), out = fileno(f->file.file);
    bool ok = in >= 0;
    for (size_t i = 0; ok && i < n;) {
        ssize_t got = pread(in, part, n - i < sizeof part ? n - i : sizeof part, (off_t)(from + i));
        ok = got > 0 && pwrite(out, part, (size_t)got, (off_t)(to + i)) == got;
        i += ok ? (size_t)got : 0;
    }
    if (in >= 0) close(in);
    return ok;
}

void dnx_embeddings_keep(dnx_embeddings_out *f, char *const *name, size_t count) {
    size_t from = f->start, end = f->file.size;
    if (f->file.why) return;
    errno = 0;
    bool ok = !fflush(f->file.file) && !fseek(f->file.file, 0, SEEK_SET);
    /* The rows first: the shorter names then overwrite only what has been moved. */
    size_t to = is_second(f) ? HEAD_2 : HEAD;
    for (size_t i = 0; i < count; i++) to += sizeof(uint32_t) + strlen(name[i]);
    if (is_second(f)) to = (to + ALIGN - 1) / ALIGN * ALIGN;
    ok = ok && move_bytes(f, from, to, end - from);
    f->file.size = 0;
    put_head(f, count);
    for (size_t i = 0; i < count; i++) dnx_embeddings_name(f, name[i]);
    begin_rows(f);
    ok = ok && !fflush(f->file.file) &&
         !ftruncate(fileno(f->file.file), (off_t)(to + (end - from)));
    f->file.size = to + (end - from);
    if (!ok && !f->file.why) f->file.why = errno ? errno : EIO;
}

dnx_status dnx_embeddings_finish(dnx_embeddings_out *f, bool keep, dnx_err *err) {
    if (keep) return dnx_outfile_commit(&f->file, err);
    dnx_outfile_discard(&f->file);
    return DNX_OK;
}

/* Where the rows start. DNX_EPARSE: the file does not hold what it says. */
static dnx_status find_rows(dnx_embeddings_in *f, const char *path, size_t *start, dnx_err *err) {
    const unsigned char *p = f->map;
    dnx_loc at = {path, 0};
    uint32_t head[6] = {0};
    size_t pos = HEAD, i = 0;
    if (f->map_len < HEAD || memcmp(p, "DNXE", 4))
        return dnx_fail(err, DNX_EPARSE, at, "is no file of `darknet embed`");
    memcpy(head, p + 4, 12);
    if (head[0] < 1 || head[0] > 2)
        return dnx_fail(err, DNX_EPARSE, at, "version %u, this program reads 1 and 2", head[0]);
    f->count = head[1];
    f->dim = head[2];
    f->bytes = 4;
    if (head[0] == 2 && f->map_len >= HEAD_2) {
        memcpy(head + 3, p + HEAD, 4);
        memcpy(&f->checksum, p + HEAD + 8, 8);
        f->bytes = head[3];
        pos = HEAD_2;
    }
    for (; i < f->count && pos + 4 <= f->map_len; i++) {
        uint32_t n;
        memcpy(&n, p + pos, 4);
        pos += 4 + (size_t)n;
    }
    if (head[0] == 2) pos = (pos + ALIGN - 1) / ALIGN * ALIGN;
    if (i < f->count || (f->bytes != 2 && f->bytes != 4) || pos > f->map_len ||
        f->map_len - pos != f->count * f->dim * f->bytes)
        return dnx_fail(err, DNX_EPARSE, at, "cut short or damaged");
    *start = pos;
    return DNX_OK;
}

dnx_status dnx_embeddings_open(dnx_embeddings_in *f, const char *path, dnx_err *err) {
    dnx_loc at = {path, 0};
    struct stat info;
    *f = (dnx_embeddings_in){0};
    int fd = open(path, O_RDONLY);
    if (fd < 0) return dnx_fail(err, DNX_EIO, at, "cannot open: %s", strerror(errno));
    if (!fstat(fd, &info) && S_ISREG(info.st_mode) && info.st_size > 0) {
        f->map_len = (size_t)info.st_size;
        f->map = mmap(NULL, f->map_len, PROT_READ, MAP_PRIVATE, fd, 0);
        if (f->map == MAP_FAILED) f->map = NULL;
    }
    close(fd);
    if (!f->map) return dnx_fail(err, DNX_EIO, at, "cannot be read");
    size_t start = 0;
    dnx_status st = find_rows(f, path, &start, err);
    if (st) dnx_embeddings_close(f);
    else f->rows = (const char *)f->map + start;
    return st;
}

void dnx_embeddings_close(dnx_embeddings_in *f) {
    if (f->map) munmap(f->map, f->map_len);
    f->map = NULL;
}
