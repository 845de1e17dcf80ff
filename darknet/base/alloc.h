/* alloc.h - arrays of floats for tensors and filters. */
#ifndef DNX_ALLOC_H
#define DNX_ALLOC_H
#include <stddef.h>

/* Returns `count` zeroed floats, aligned to 64 bytes, with 64 readable bytes after them; free them
 * with dnx_free(). NULL: no memory. */
float *dnx_alloc(size_t count);
void dnx_free(void *p); /* p may be NULL */
#endif
