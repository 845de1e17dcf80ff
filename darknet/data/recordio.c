/* recordio.c - reads the record files of MXNet.
 *
 * A record is: uint32 magic; uint32 with the part in the upper 3 bits and the length in the lower
 * 29; the content, padded to 4 bytes. Part 0 is a complete record. When the content contains the
 * magic number at a multiple of 4 bytes, the record is split there and the number is dropped. The
 * first piece is then part 1, the last is part 3, and the pieces between are part 2.
 *
 * A content is: uint32 flag, float label, uint64 id, uint64 id2; `flag` more labels; the image.
 * When flag > 0, the first of these labels is the class, else `label`. Little endian. */
#include "data/recordio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/lines.h"
#include "base/inputs.h"

#define MAGIC 0xced7230au
enum { FRAME = 8, HEAD = 24, WHOLE = 0, FIRST = 1, LAST = 3 };

typedef struct {
    long key, at;
} entry;

static bool read_at(int fd, void *to, size_t n, uint64_t at) {
    for (size_t got = 0; got < n;) {
        ssize_t k = pread(fd, (char *)to + got, n - got, (off_t)(at + got));
        if (k > 0) got += (size_t)k;
        else if (k == 0) errno = EIO; /* the file has become shorter */
        if (k <= 0 && errno != EINTR) return false;
    }
    return true;
}

static const char *read_frame(int fd, uint64_t size, uint64_t at, unsigned *part, uint32_t *len) {
    uint32_t word[2];
    if (at > size || size - at < FRAME) return "is cut short";
    if (!read_at(fd, word, FRAME, at)) return "cannot be read";
    if (word[0] != MAGIC) return "has a wrong magic number";
    *part = word[1] >> 29;
    *len = word[1] & ((1u << 29) - 1);
    return size - at - FRAME < *len ? "is cut short" : NULL;
}

/* Reads the record at offset `at`; free() the result. A writer splits a record where its bytes
 * equal MAGIC and drops these bytes; this function joins the parts and restores the bytes. Returns
 * NULL and sets *why on failure. */
static unsigned char *read_content(int fd, uint64_t size, uint64_t at, size_t *n,
                                   const char **why) {
    static const uint32_t magic = MAGIC;
    unsigned char *bytes = NULL;
    *n = 0;
    for (bool is_first = true;; is_first = false) {
        unsigned part = WHOLE;
        uint32_t len = 0;
        *why = read_frame(fd, size, at, &part, &len);
        if (!*why && (is_first ? part > FIRST : part <= FIRST || part > LAST))
            *why = "is the middle of another";
        size_t gap = is_first ? 0 : sizeof magic;
        if (!*why && *n + gap + len > DNX_MAX_FILE) *why = "is larger than 1 GB";
        unsigned char *more = *why ? NULL : realloc(bytes, *n + gap + len + 1);
        if (!*why && !more) *why = "needs more memory than there is";
        if (more) {
            bytes = more;
            memcpy(bytes + *n, &magic, gap);
            *n += gap;
            if (read_at(fd, bytes + *n, len, at + FRAME)) *n += len;
            else *why = "cannot be read";
        }
        if (*why) {
            free(bytes);
            return NULL;
        }
        if (part == WHOLE || part == LAST) return bytes;
        at += FRAME + ((uint64_t)len + 3) / 4 * 4;
    }
}

/* Returns the offset of the image in the n bytes of a record; 0 when the record is too short for
 * its labels. */
static size_t image_at(const unsigned char *bytes, size_t n) {
    uint32_t flag;
    if (n < HEAD) return 0;
    memcpy(&flag, bytes, sizeof flag);
    return flag > (n - HEAD) / 4 ? 0 : HEAD + (size_t)flag * 4;
}

static float label_of(const unsigned char *bytes, size_t image) {
    float label;
    memcpy(&label, bytes + (image > HEAD ? HEAD : 4), sizeof label);
    return label;
}

const char *dnx_record_label(int fd, uint64_t size, uint64_t at, float *label,
                             unsigned char head[DNX_IMAGE_HEAD], size_t *n) {
    unsigned char start[128], *bytes = start;
    unsigned part;
    uint32_t len;
    const char *why = read_frame(fd, size, at, &part, &len);
    if (why) return why;
    size_t got = len < sizeof start ? len : sizeof start;
    if (!read_at(fd, start, got, at + FRAME)) return "cannot be read";
    size_t image = image_at(start, got);
    if (part != WHOLE || (len > got && (!image || got - image < DNX_IMAGE_HEAD))) {
        bytes = read_content(fd, size, at, &got, &why);
        if (!bytes) return why;
        image = image_at(bytes, got);
    }
    if (!image) why = "has no label";
    else {
        *label = label_of(bytes, image);
        *n = got - image < DNX_IMAGE_HEAD ? got - image : DNX_IMAGE_HEAD;
        memcpy(head, bytes + image, *n);
    }
    if (bytes != start) free(bytes);
    return why;
}

unsigned char *dnx_record_image(int fd, uint64_t size, uint64_t at, size_t *len, const char **why) {
    size_t n;
    unsigned char *bytes = read_content(fd, size, at, &n, why);
    if (!bytes) return NULL;
    size_t image = image_at(bytes, n);
    *len = n - image;
    memmove(bytes, bytes + image, *len);
    if (image) return bytes;
    *why = "has no label";
    free(bytes);
    return NULL;
}

/* ---- the index ---- */

static int by_key(const void *a, const void *b) {
    long x = ((const entry *)a)->key, y = ((const entry *)b)->key;
    return (x > y) - (x < y);
}

static dnx_status read_index(const char *path, entry **list, size_t *n, dnx_err *err) {
    dnx_lines l;
    dnx_status st = dnx_lines_open(&l, path, "an index", DNX_LINES_MOST, err);
    if (st) return st;
    *list = malloc(sizeof **list * (l.count + 1));
    if (!*list) st = dnx_no_memory(path, err);
    for (char *line; !st && (line = dnx_lines_next(&l, ""));) {
        entry *e = &(*list)[*n];
        char shown[61], *f[2];
        snprintf(shown, sizeof shown, "%s", line);
        if (dnx_fields(line, ' ', f, 2) == 2 && dnx_whole(f[0], 0, LONG_MAX, &e->key) &&
            dnx_whole(f[1], 0, LONG_MAX, &e->at))
            ++*n;
        else
            st = dnx_fail(err, DNX_EPARSE, dnx_lines_at(&l), "'%s': must be a key and an offset",
                          shown);
    }
    dnx_lines_free(&l);
    if (!st) qsort(*list, *n, sizeof **list, by_key);
    for (size_t i = 1; !st && i < *n; i++)
        if ((*list)[i].key == (*list)[i - 1].key)
            st = dnx_fail_at(err, DNX_EPARSE, path, "key %ld is there twice", (*list)[i].key);
    return st;
}

/* Stores the offsets of all images in r->at. Record 0 may be a header. */
static dnx_status choose(const char *path, const char *index, dnx_records *r, const entry *list,
                         size_t n, dnx_err *err) {
    dnx_loc at = {path, 0};
    size_t lo = 0, hi = n, len = 0;
    const char *why = NULL;
    if (n && list[0].key == 0) {
        unsigned char *head = read_content(r->fd, r->size, (uint64_t)list[0].at, &len, &why);
        if (!head) return dnx_fail(err, DNX_EIO, at, "record 0 at byte %ld %s", list[0].at, why);
        size_t image = image_at(head, len);
        double last = image >= HEAD + 8 && image == len ? (double)label_of(head, image) : 0;
        free(head);
        if (image > HEAD && image == len) {
            for (lo = hi = 1; hi < n && (double)list[hi].key < last;) hi++;
            if (last < 1 || (double)hi != last)
                return dnx_fail(err, DNX_EIO, at, "its header says %.0f images, but %.200s has %zu",
                                last - 1, index, hi - 1);
        }
    }
    r->at = malloc(sizeof *r->at * (n + 1));
    if (!r->at) return dnx_fail(err, DNX_EMEM, at, "no memory for its index");
    for (size_t i = lo; i < hi; i++) r->at[r->n++] = (uint64_t)list[i].at;
    return DNX_OK;
}

dnx_status dnx_records_open(const char *path, dnx_records *r, dnx_err *err) {
    struct stat s;
    entry *list = NULL;
    size_t n = 0, len = strlen(path);
    *r = (dnx_records){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (r->fd < 0 || fstat(r->fd, &s))
        return dnx_fail_at(err, DNX_EIO, path, "cannot read: %s", strerror(errno));
    if (!S_ISREG(s.st_mode)) return dnx_fail_at(err, DNX_EIO, path, "is not a file");
    if (!dnx_input_note(path)) return dnx_no_memory(path, err);
    r->size = (uint64_t)s.st_size;
    char *index = strdup(path);
    if (!index) return dnx_no_memory(path, err);
    memcpy(index + len - 3, "idx", 3);
    dnx_status st = read_index(index, &list, &n, err);
    if (!st) st = choose(path, index, r, list, n, err);
    free(list);
    free(index);
    return st;
}

void dnx_records_free(dnx_records *r) { free(r->at); }
