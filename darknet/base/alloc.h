/* alloc.h - arrays of floats for tensors and filters, and lists that grow. */
#ifndef DNX_ALLOC_H
#define DNX_ALLOC_H
#include <stdbool.h>
#include <stddef.h>

/* Returns `count` zeroed floats, aligned to 64 bytes, with 64 readable bytes after them; free them
 * with dnx_free(). Returns NULL when memory runs out. */
float *dnx_alloc(size_t count);
void dnx_free(void *p); /* p may be NULL */
/* Makes `owner` the owner of p: dnx_free_owned(owner) then frees p, too. Both arrays must come from
 * dnx_alloc(), and p must not have an owner yet. */
void dnx_own(void *owner, void *p);
/* Frees `owner`, which may be NULL, and the arrays that it still owns. */
void dnx_free_owned(void *owner);

/* Makes room for item n of a list, which the caller frees with free(). list: the address of the
 * list's pointer, which is NULL at first. size: the bytes of an item. *capacity: the number of
 * items that fit, 0 at first; n must be at most *capacity. When memory runs out, returns false and
 * leaves the list unchanged. */
bool dnx_grow(void *list, size_t n, size_t *capacity, size_t size);

/* With glibc, makes free() return a block of 1 MB or more to the system at once. Blocks that were
 * allocated before this call are not affected. */
void dnx_return_large_blocks(void);
/* With glibc, returns to the system the freed memory that malloc() keeps for reuse. */
void dnx_return_memory(void);
#endif
