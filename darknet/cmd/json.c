/* json.c - prints strings as JSON. */
#include "cmd/cmd.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Returns the number of bytes of the UTF-8 character at c, or 0 when these bytes are not UTF-8
 * (RFC 3629, section 4). left: the number of bytes from c to the end of the string. */
static size_t character(const unsigned char *c, size_t left) {
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000}; // in a character of 2 to 4 bytes
    const size_t n = *c < 0x80   ? 1
                     : *c < 0xc0 ? 0
                     : *c < 0xe0 ? 2
                     : *c < 0xf0 ? 3
                     : *c < 0xf8 ? 4
                                 : 0;
    if (n < 2 || n > left) return n == 1;
    unsigned code = *c & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if (c[i] >> 6 != 2) return 0;
        code = code << 6 | (c[i] & 0x3f);
    }
    const bool is_surrogate = code >> 11 == 0xd800 >> 11;
    return code < least[n] || is_surrogate || code > 0x10ffff ? 0 : n;
}

void dnx_json_part(const char *text, size_t n) {
    const unsigned char *c = (const unsigned char *)text, *end = c + n;
    putchar('"');
    for (size_t length; c < end; c += length ? length : 1) {
        length = character(c, (size_t)(end - c));
        if (!length) printf("\\udc%02x", *c);
        else if (*c == '"' || *c == '\\') printf("\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f) printf("\\u%04x", *c);
        else fwrite(c, 1, length, stdout);
    }
    putchar('"');
}

void dnx_json_text(const char *text) {
    if (text) dnx_json_part(text, strlen(text));
    else printf("null");
}
