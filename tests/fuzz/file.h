/* file.h - helpers of fuzz targets: writes the input into a file, for readers that take a path. */
#ifndef FUZZ_FILE_H
#define FUZZ_FILE_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void fuzz_must(bool ok) {
    if (!ok) abort();
}

/* Returns the path of a file that only this process uses, in /dev/shm if possible. The next call
 * overwrites the returned text. */
static inline const char *fuzz_path(const char *name) {
    static char path[80];
    const char *shm = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
    snprintf(path, sizeof path, "%s/dnx_fuzz_%ld_%s", shm, (long)getpid(), name);
    return path;
}

static inline bool fuzz_write(const char *path, const void *bytes, size_t n) {
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(bytes, 1, n, f) == n;
    if (f && fclose(f)) ok = false;
    return ok;
}

/* Returns a copy, which the caller frees. A sanitizer detects reads beyond its end. */
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (copy && size) memcpy(copy, data, size);
    return copy;
}
#endif
