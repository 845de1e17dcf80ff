/* alloc.h - arrays of floats for tensors and filters, and lists that grow. */
#ifndef DNX_ALLOC_H
#define DNX_ALLOC_H
#include <stdbool.h>
#include <stddef.h>

/* Returns `count` zeroed floats, aligned to 64 bytes, with 64 readable bytes after them; free them
 * with dnx_free(). NULL when memory runs out. */
float *dnx_alloc(size_t count);
void dnx_free(void *p); /* p may be NULL */
/* Makes the array `owner` the owner of the array p, which has no owner yet. dnx_free_owned() frees
 * the owner (NULL: nothing) and all its arrays that dnx_free() has not freed before. */
void dnx_own(void *owner, void *p);
void dnx_free_owned(void *owner);

/* Makes space for item n of a list from malloc(): doubles the capacity when n reaches it. `list` is
 * the address of the pointer, `size` the bytes of an item. Returns false when memory runs out; then
 * the list is unchanged. */
bool dnx_grow(void *list, size_t n, size_t *capacity, size_t size);

/* From now on large blocks go back to the system when they are freed. */
void dnx_return_large_blocks(void);
/* Returns freed memory to the system. */
void dnx_return_memory(void);
#endif
