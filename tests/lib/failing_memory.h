/* failing_memory.h - makes allocation number `fails_at` return NULL, and counts in `live` the
 * blocks that are not freed. A test first sets `calls` and `live` to 0. The Makefile must link the
 * program with --wrap=malloc and so on: the linker then replaces malloc() by __wrap_malloc(). */
#ifndef FAILING_MEMORY_H
#define FAILING_MEMORY_H
#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);
void __wrap_free(void *p);

static int calls, fails_at, live;

static bool fails(void) { return ++calls == fails_at; }

static void *kept(void *p) {
    live += p != NULL;
    return p;
}

void *__wrap_malloc(size_t n) { return fails() ? NULL : kept(__real_malloc(n)); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : kept(__real_calloc(n, size)); }
char *__wrap_strdup(const char *s) { return fails() ? NULL : kept(__real_strdup(s)); }
void *__wrap_realloc(void *p, size_t n) {
    if (fails()) return NULL;
    return p ? __real_realloc(p, n) : kept(__real_realloc(p, n));
}
void __wrap_free(void *p) {
    live -= p != NULL;
    __real_free(p);
}
#endif
