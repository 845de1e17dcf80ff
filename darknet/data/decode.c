/* decode.c - detects the kind of an image file and decodes it to RGB. */
#include "data/decode.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/files.h"
#include "base/stop.h"
#include "data/decoders.h"

/* ---- the kind of a file ---- */

typedef enum { NONE, JPEG, PNG, BMP, PNM, FOREIGN } group;

#define ONLY "; JPEG, PNG, BMP and PNM are read"

/* A file's kind is the index of the first row, from 1 on, whose magic bytes match, else 0. '?'
 * matches any byte. */
static const struct {
    group group;
    size_t n;
    const char *magic, *why;
} kinds[] = {
    {NONE, 0, "", "is not an image"},
    {JPEG, 3, "\xff\xd8\xff", NULL},
    {PNG, 8, "\x89PNG\r\n\x1a\n", NULL},
    {BMP, 2, "BM", NULL},
    {PNM, 2, "P1", NULL},
    {PNM, 2, "P2", NULL},
    {PNM, 2, "P3", NULL},
    {PNM, 2, "P4", NULL},
    {PNM, 2, "P5", NULL},
    {PNM, 2, "P6", NULL},
    {FOREIGN, 3, "P7\n", "is a PAM image" ONLY},
    {FOREIGN, 3, "PF\n", "is a PFM image" ONLY},
    {FOREIGN, 3, "Pf\n", "is a PFM image" ONLY},
    {FOREIGN, 4, "GIF8", "is a GIF image" ONLY},
    {FOREIGN, 12, "RIFF????WEBP", "is a WebP image" ONLY},
    {FOREIGN, 4, "II*\0", "is a TIFF image" ONLY},
    {FOREIGN, 4, "MM\0*", "is a TIFF image" ONLY},
    {FOREIGN, 4, "II+\0", "is a TIFF image" ONLY},
    {FOREIGN, 4, "MM\0+", "is a TIFF image" ONLY},
    {FOREIGN, 4, "8BPS", "is a Photoshop image" ONLY},
    {FOREIGN, 4, "\x53\x80\xf6\x34", "is a Softimage PIC image" ONLY},
    {FOREIGN, 12, "????ftypavif", "is an AVIF image" ONLY},
    {FOREIGN, 12, "????ftypavis", "is an AVIF image" ONLY},
    {FOREIGN, 11, "????ftyphei", "is a HEIF image" ONLY},
    {FOREIGN, 11, "????ftyphev", "is a HEIF image" ONLY},
    {FOREIGN, 12, "????ftypmif1", "is a HEIF image" ONLY},
    {FOREIGN, 12, "????ftypmsf1", "is a HEIF image" ONLY},
    {FOREIGN, 8, "????ftyp", "is a video" ONLY},
    {FOREIGN, 8, "\0\0\0\x0cjP  ", "is a JPEG 2000 image" ONLY},
    {FOREIGN, 4, "\xff\x4f\xff\x51", "is a JPEG 2000 image" ONLY},
    {FOREIGN, 8, "\0\0\0\x0cJXL ", "is a JPEG XL image" ONLY},
    {FOREIGN, 2, "\xff\x0a", "is a JPEG XL image" ONLY},
    {FOREIGN, 10, "#?RADIANCE", "is a Radiance HDR image" ONLY},
    {FOREIGN, 4, "%PDF", "is a PDF file" ONLY},
    {FOREIGN, 9, "<!doctype", "is a web page" ONLY},
    {FOREIGN, 5, "<html", "is a web page" ONLY},
    {FOREIGN, 4, "<svg", "is an SVG image" ONLY},
    {FOREIGN, 5, "<?xml", "is an XML file" ONLY},
    {FOREIGN, 4, "PK\3\4", "is a ZIP archive" ONLY},
    {FOREIGN, 2, "\x1f\x8b", "is a gzip file" ONLY},
    {FOREIGN, 16, "version https://", "is a pointer of Git LFS, not the image itself"},
};

static bool fits(const unsigned char *head, const char *magic, size_t n) {
    const bool is_markup = *magic == '<'; /* markup may have capital letters */
    for (size_t i = 0; i < n; i++) {
        int c = is_markup ? tolower(head[i]) : head[i];
        if (magic[i] != '?' && c != (unsigned char)magic[i]) return false;
    }
    return true;
}

int dnx_image_kind(const unsigned char *head, size_t n) {
    for (size_t i = 1; i < sizeof kinds / sizeof *kinds; i++)
        if (n >= kinds[i].n && fits(head, kinds[i].magic, kinds[i].n)) return (int)i;
    return 0;
}

const char *dnx_image_kind_why(int kind) { return kinds[kind].why; }

bool dnx_image_is_named(const char *name) {
    static const char *const ends[] = {".jpg", ".jpeg", ".png", ".bmp",
                                       ".ppm", ".pgm",  ".pbm", ".pnm"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof ends / sizeof *ends; i++)
        if (!strcasecmp(dot, ends[i])) return true;
    return false;
}

bool dnx_is_own_file(const char *name) {
    static const char *const own[] = {
        "faces.index", "faces.index.txt", "faces.record", "faces.record.partial",
        "faces.lock",  "no-face.txt",     "align.txt",    "skipped.txt",
        "synth.txt",   "synth.partial",   "faces.data",   "pairs.txt"};
    const char *slash = strrchr(name, '/');
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (!strcmp(slash ? slash + 1 : name, own[i])) return true;
    return false;
}

/* ---- decoding ---- */

const char *dnx_image_claim(dnx_image *image, double w, double h) {
    if (!(w >= 1 && h >= 1)) return DNX_WHY_BROKEN;
    if (w > DNX_MAX_SIDE || h > DNX_MAX_SIDE || w * h > DNX_MAX_PIXELS) return DNX_WHY_HUGE;
    image->w = (int)w;
    image->h = (int)h;
    return NULL;
}

static const char *decode(const unsigned char *bytes, size_t n, dnx_image *image) {
    int orientation = 1, kind = dnx_image_kind(bytes, n);
    if (kinds[kind].group != JPEG) image->shrink = 1;
    const char *why = kinds[kind].why;
    if (!n) return "is empty";
    switch (kinds[kind].group) {
    case JPEG: why = dnx_jpeg_decode(bytes, n, image, &orientation); break;
    case PNG: why = dnx_png_decode(bytes, n, image, &orientation); break;
    case BMP: why = dnx_bmp_decode(bytes, n, image); break;
    case PNM: why = dnx_pnm_decode(bytes, n, image); break;
    default: return why;
    }
    return why || dnx_image_turn(image, orientation) ? why : DNX_WHY_MEMORY;
}

static dnx_image_fault decode_shrunk(const unsigned char *bytes, size_t n, int shrink,
                                     dnx_image *image) {
    *image = (dnx_image){.shrink = shrink};
    const char *why = decode(bytes, n, image);
    if (!why) return DNX_IMAGE_OK;
    dnx_image_free(image);
    *image = (dnx_image){.why = why};
    return DNX_IMAGE_REFUSED;
}

dnx_image_fault dnx_image_decode(const unsigned char *bytes, size_t n, dnx_image *image) {
    return decode_shrunk(bytes, n, 1, image);
}

bool dnx_is_transient(int why) {
    return why == EIO || why == ESTALE || why == ETIMEDOUT || why == EAGAIN || why == EMFILE ||
           why == ENFILE || why == EINTR || why == ENOMEM;
}

char *dnx_image_file(const char *path, size_t *n) {
    const double pause = .1;
    char *bytes = dnx_file_read_unnoted(path, DNX_MAX_FILE, n);
    if (!bytes && dnx_is_transient(errno) && dnx_stop_sleep(pause))
        bytes = dnx_file_read_unnoted(path, DNX_MAX_FILE, n);
    return bytes;
}

dnx_image_fault dnx_image_read_shrunk(const char *path, int shrink, dnx_image *image) {
    size_t n;
    *image = (dnx_image){0};
    char *bytes = dnx_image_file(path, &n);
    if (!bytes) return DNX_IMAGE_UNREAD;
    dnx_image_fault fault = decode_shrunk((unsigned char *)bytes, n, shrink, image);
    free(bytes);
    return fault;
}

dnx_image_fault dnx_image_read(const char *path, dnx_image *image) {
    return dnx_image_read_shrunk(path, 1, image);
}

void dnx_image_free(dnx_image *image) {
    free(image->rgb);
    image->rgb = NULL;
}
