/* fuzz_image.c - libFuzzer target: the input is read as EXIF data, then as an image file.
 *
 * The target first corrects the checksums of a PNG: otherwise the decoder would refuse nearly every
 * input. */
#include "data/decoders.h"
#include "fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t image_crc(const uint8_t *p, size_t n) {
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* Corrects the checksums of a PNG. A chunk is the length of its content, a type of 4 bytes, the
 * content, and the checksum of type and content. */
static void image_fix_png(uint8_t *p, size_t n) {
    enum { SIGNATURE = 8, FRAME = 12 };
    if (n < SIGNATURE || memcmp(p, "\x89PNG\r\n\x1a\n", SIGNATURE)) return;
    for (size_t at = SIGNATURE; n - at >= FRAME;) {
        size_t len = 0;
        for (int i = 0; i < 4; i++) len = len << 8 | p[at + (size_t)i];
        if (len > n - at - FRAME) return;
        uint32_t crc = image_crc(p + at + 4, len + 4);
        for (int i = 0; i < 4; i++) p[at + 8 + len + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += FRAME + len;
    }
}

/* Returns true when a JPEG may declare more than MOST_PIXELS. A file of a few bytes can declare a
 * million pixels, and its decoding would slow the fuzzer down. */
static bool image_is_slow(const uint8_t *p, size_t n) {
    enum { MOST_PIXELS = 4096 };
    if (n < 2 || p[0] != 0xff || p[1] != 0xd8) return false;
    for (size_t i = 2; i + 9 <= n; i++) {
        unsigned h = p[i + 5] * 256u + p[i + 6], w = p[i + 7] * 256u + p[i + 8];
        if (p[i] == 0xff && (p[i + 1] & 0xf0) == 0xc0 && w * h > MOST_PIXELS) return true;
    }
    return false;
}

/* Decodes an image and adds its pixels: a sanitizer then checks each of them. */
static unsigned image_check(const uint8_t *data, size_t size) {
    dnx_image image;
    unsigned sum = 0;
    dnx_image_fault fault = dnx_image_decode(data, size, &image);
    fuzz_must(!fault == (image.rgb != NULL) && !fault == !image.why);
    fuzz_must(fault ||
              (image.w > 0 && image.h > 0 && image.w <= DNX_MAX_SIDE && image.h <= DNX_MAX_SIDE));
    for (size_t i = 0; image.rgb && i < (size_t)image.w * (size_t)image.h * 3; i++)
        sum += image.rgb[i];
    dnx_image_free(&image);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static volatile unsigned kept; /* the compiler must not drop the sums */
    uint8_t *copy = fuzz_copy(data, size);
    if (!copy) return 0;
    int orientation = dnx_exif_orientation(copy, size);
    fuzz_must(orientation >= 1 && orientation <= 8);
    image_fix_png(copy, size);
    if (!image_is_slow(copy, size)) kept = image_check(copy, size);
    free(copy);
    return (int)(kept & 0);
}
