/* test_image.c - decodes images, also cut at every length, and recognises other kinds of files. */
#include <glob.h>
#include <sys/resource.h>

#include "data/decoders.h"
#include "data/jpeg.h"
#include "lib/check.h"

enum { MOST = 1 << 16 };

static bool ends(const char *name, const char *end) {
    size_t n = strlen(name), k = strlen(end);
    return n >= k && !strcmp(name + n - k, end);
}

/* Returns how many bytes may be missing at the end of an image that can still be decoded: the
 * padding of a BMP's last row, or the last digits of a PNM file in text form. */
static size_t spare(const char *name, const unsigned char *bytes) {
    return ends(name, ".bmp") || (bytes[0] == 'P' && bytes[1] <= '3') ? 3 : 0;
}

/* Decodes copies of the first k bytes, for each k: a sanitizer detects reads beyond them. */
static void cut(const char *name, const unsigned char *bytes, size_t n) {
    size_t accepted = 0;
    for (size_t k = 0; k <= n; k++) {
        unsigned char *copy = malloc(k ? k : 1);
        dnx_image image;
        if (!copy) must(false, "no memory");
        memcpy(copy, bytes, k);
        bool is_read = !dnx_image_decode(copy, k, &image);
        if (is_read == (image.why != NULL)) check(false, "%s: %zu bytes: reason", name, k);
        if (is_read && k < n - spare(name, bytes)) accepted = accepted ? accepted : k;
        if (k == n) check(is_read, "%s: %s", name, image.why);
        dnx_image_free(&image);
        free(copy);
    }
    check(!accepted, "%s: %zu of its %zu bytes are enough", name, accepted, n);
}

static void corpus(void) {
    static unsigned char bytes[MOST];
    glob_t files;
    dnx_image image;
    if (glob("tests/data/corpus/image/*", 0, NULL, &files)) {
        check(false, "no files in tests/data/corpus/image");
        return;
    }
    for (size_t i = 0; i < files.gl_pathc; i++) {
        const char *path = files.gl_pathv[i], *name = strrchr(path, '/') + 1;
        size_t n = read_bytes(path, bytes, MOST);
        if (!strncmp(name, "ok-", 3)) cut(name, bytes, n);
        else check(dnx_image_decode(bytes, n, &image), "%s is read", name);
    }
    globfree(&files);
}

static void kinds(void) {
    static const char *const yes[] = {"a.jpg", "b.JPEG", "c.Png", "x/d.bmp", "e.ppm",
                                      "f.pgm", "g.pbm",  "h.PNM", "a.b.jpg"};
    static const char *const no[] = {"jpg", "a.jpg.txt", "a.gif", "", ".", "a.", "a.jpgx", "a.jp"};
    const unsigned char jpeg[] = {0xff, 0xd8, 0xff, 0xe0};
    check(!dnx_image_kind_why(dnx_image_kind(jpeg, 4)), "JPEG");
    check(dnx_image_kind_why(dnx_image_kind(jpeg, 2)) != NULL, "two bytes are no JPEG");
    check(!strcmp(dnx_image_kind_why(dnx_image_kind(jpeg, 0)), "is not an image"), "no bytes");
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        check(dnx_image_is_named(yes[i]), "%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        check(!dnx_image_is_named(no[i]), "%s", no[i]);
}

/* Returns the bytes of address space that this process has. */
static size_t space(void) {
    FILE *f = fopen("/proc/self/statm", "r");
    size_t pages = 0;
    if (!f || fscanf(f, "%zu", &pages) != 1) must(false, "no /proc/self/statm");
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Encodes noise as a JPEG, which needs more memory than the limit leaves. */
static void encode_without_memory(void) {
    enum { SIDE = 2000 };
    unsigned char *rgb = malloc(SIDE * SIDE * 3);
    dnx_rng r;
    size_t n;
    must(rgb, "memory");
    dnx_rng_seed(&r, 1, 1);
    for (size_t i = 0; i < SIDE * SIDE * 3; i++) rgb[i] = (unsigned char)dnx_rng_next(&r);
    unsigned char *bytes = dnx_jpeg_encode(rgb, SIDE, SIDE, 100, &n);
    check(bytes && n > 4 << 20, "with memory: %zu bytes", n);
    free(bytes);
    fflush(stdout);
    const pid_t child = fork();
    if (!child) {
        const struct rlimit limit = {space() + (3 << 20), RLIM_INFINITY};
        if (setrlimit(RLIMIT_AS, &limit)) _exit(2);
        bytes = dnx_jpeg_encode(rgb, SIDE, SIDE, 100, &n);
        _exit(bytes ? 1 : 0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    check(status == 0, "without memory: status %x", (unsigned)status);
    free(rgb);
}

int main(void) {
    corpus();
    kinds();
#ifndef __SANITIZE_ADDRESS__ /* the sanitizer takes more address space than any limit */
    encode_without_memory();
#endif
    return summary();
}
