/* cache.h - a file of rows that take long to compute, such as a teacher's outputs.
 *
 * Version 4 of the format in embeddings.h, little endian, with `count` rows of `dim` numbers:
 *
 *   "DNXE", uint32 4, uint32 count, uint32 dim, uint32 rows of a block, uint32 0, uint64 key
 *   count names, each a uint32 length and that many bytes
 *   zeros, then uint64 checksum of all bytes before it, which ends at a multiple of 64 bytes
 *   blocks (the last may have fewer rows): rows x dim half floats, uint64 checksum of the block
 *
 * A row that begins with NaN has no values: its image could not be read. scripts/lib/embeddings.py
 * reads the file, too. */
#ifndef DNX_CACHE_H
#define DNX_CACHE_H
#include <stdbool.h>
#include <stdint.h>

#include "base/outfile.h"

typedef struct {
    uint64_t key; /* checksum of everything that the rows depend on */
    size_t rows, dim;
    void (*name)(void *arg, size_t row, char *text, size_t size); /* stores a row's name in text */
    void *arg;
} dnx_cache_head;

typedef struct {
    dnx_outfile file;
    size_t rows, dim, done; /* done: rows written by this and by earlier processes */
    uint16_t *block;
} dnx_cache_out;

/* Begins the file, or continues an interrupted file with the same head. f->done is then the number
 * of rows that the file already has. The caller must hold the lock of the path (lock.h). Do not
 * call dnx_cache_end() after an error. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_cache_begin(dnx_cache_out *f, const char *path, const dnx_cache_head *head,
                           dnx_err *err);
/* Appends v, rows x dim numbers that fit half floats (dnx_fits_half) or are NaN. dnx_cache_end()
 * reports errors. */
void dnx_cache_put(dnx_cache_out *f, const float *v, size_t rows);
/* Completes the file when it has all rows, else keeps PATH.partial for the next process. Errors:
 * DNX_EIO, DNX_EMEM. */
dnx_status dnx_cache_end(dnx_cache_out *f, dnx_err *err);
/* Removes the temporary file, in place of dnx_cache_end(). */
void dnx_cache_discard(dnx_cache_out *f);

typedef struct {
    size_t rows, dim;
    uint64_t key;
    const unsigned char *first;
    void *map;
    size_t map_len;
} dnx_cache;

/* Maps the file into memory and verifies all checksums. Errors: DNX_EIO when the file cannot be
 * opened; DNX_EPARSE for any other fault. After an error there is nothing to close. */
dnx_status dnx_cache_open(dnx_cache *f, const char *path, dnx_err *err);
/* Returns row i: dim half floats, valid until the cache is closed. */
const uint16_t *dnx_cache_row(const dnx_cache *f, size_t i);
void dnx_cache_close(dnx_cache *f);
#endif
