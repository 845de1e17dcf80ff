/* embeddings.c - writes files of embeddings. */
#include "data/embeddings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/half.h"

enum { VERSION = 2, HEAD = 32, ALIGN = 64 };

static void put_head(dnx_embeddings_out *f, size_t count) {
    const uint32_t head[5] = {VERSION, (uint32_t)count, f->dim, f->kind.is_half ? 2 : 4,
                              f->kind.flip};
    dnx_outfile_put(&f->file, "DNXE", 4);
    dnx_outfile_put(&f->file, head, sizeof head);
    dnx_outfile_put(&f->file, &f->kind.network, sizeof f->kind.network);
}

static void begin_rows(dnx_embeddings_out *f) {
    static const char zeros[ALIGN];
    dnx_outfile_put(&f->file, zeros, (ALIGN - f->file.size % ALIGN) % ALIGN);
    f->start = f->file.size;
    f->has_names = true;
}

dnx_status dnx_embeddings_create(dnx_embeddings_out *f, const char *path, size_t count, size_t dim,
                                 const dnx_embeddings_kind *kind, dnx_err *err) {
    *f = (dnx_embeddings_out){.dim = (uint32_t)dim, .kind = *kind};
    if (count > UINT32_MAX || dim > UINT32_MAX)
        return dnx_fail_at(err, DNX_EIO, path, "cannot write: %zu x %zu numbers are too many",
                           count, dim);
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
    if (!f->kind.is_half) {
        dnx_outfile_put(&f->file, v, n * sizeof *v);
        return;
    }
    uint16_t part[512];
    for (size_t i = 0; i < n; i += 512) {
        size_t k = n - i < 512 ? n - i : 512;
        for (size_t j = 0; j < k; j++) {
            if (!dnx_fits_half(v[i + j]) && !f->file.why) f->file.why = ERANGE;
            part[j] = dnx_to_half(v[i + j]);
        }
        dnx_outfile_put(&f->file, part, k * sizeof *part);
    }
}

/* Copies n bytes of the file from offset `from` to the earlier offset `to`. */
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
    size_t to = HEAD;
    for (size_t i = 0; i < count; i++) to += sizeof(uint32_t) + strlen(name[i]);
    to = (to + ALIGN - 1) / ALIGN * ALIGN;
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

dnx_status dnx_embeddings_finish(dnx_embeddings_out *f, dnx_err *err) {
    return dnx_outfile_commit(&f->file, err);
}

void dnx_embeddings_discard(dnx_embeddings_out *f) { dnx_outfile_discard(&f->file); }
