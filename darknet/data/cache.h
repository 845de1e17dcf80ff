/* cache.h - a file of rows that take long to compute, such as a teacher's outputs.
 *
 * A process that was stopped leaves its rows, and the next one continues after them. Checksums are
 * verified before rows are read. The file is version 4 of the format in embeddings.h, little
 * endian:
 *
 *   "DNXE", uint32 4, uint32 count, uint32 dim, uint32 rows of a block, uint32 0, uint64 key
 *   count names, each uint32 length and that many bytes
 *   zeros up to 8 below a multiple of 64, uint64 checksum of all bytes before it
 *   blocks, the last may be shorter: rows x dim numbers of 16 bits, uint64 checksum of the block
 *
 * A row that begins with NaN is unknown. scripts/lib/embeddings.py reads the file. */
#ifndef DNX_CACHE_H
#define DNX_CACHE_H
#include <stdbool.h>
#include <stdint.h>

#include "base/outfile.h"

typedef struct {
    uint64_t key; /* a checksum of everything that the numbers depend on */
    size_t rows, dim;
    void (*name)(void *arg, size_t row, char *text, size_t size);
    void *arg;
} dnx_cache_head;

typedef struct {
    dnx_outfile file;
    size_t rows, dim, done; /* done: rows written, also by earlier processes */
    uint16_t *block;
} dnx_cache_out;

/* Begins the file. When an earlier process left rows under the same head, this one continues after
 * them: f->done is their number. The caller holds the lock of the path. After an error (DNX_EIO,
 * DNX_EMEM) there is nothing to end. */
dnx_status dnx_cache_begin(dnx_cache_out *f, const char *path, const dnx_cache_head *head,
                           dnx_err *err);
/* Appends `rows` rows. Their numbers fit 16 bits (dnx_fits_half) or are NaN. */
void dnx_cache_put(dnx_cache_out *f, const float *v, size_t rows);
/* When all rows are written, gives the file its name. Otherwise leaves the rows to the next
 * process. DNX_EIO when the file cannot be written. */
dnx_status dnx_cache_end(dnx_cache_out *f, dnx_err *err);
/* Removes the rows, because no process can complete them. */
void dnx_cache_discard(dnx_cache_out *f);

typedef struct {
    size_t rows, dim;
    uint64_t key;
    const unsigned char *first; /* the first block */
    void *map;
    size_t map_len;
} dnx_cache;

/* Maps the file and verifies all checksums. DNX_EIO when it cannot be read. DNX_EPARSE when it is
 * not a cache, has another version, or is damaged. After an error there is nothing to close. */
dnx_status dnx_cache_open(dnx_cache *f, const char *path, dnx_err *err);
/* Row i: dim numbers, valid until the cache is closed. */
const uint16_t *dnx_cache_row(const dnx_cache *f, size_t i);
void dnx_cache_close(dnx_cache *f);
#endif
