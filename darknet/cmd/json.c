/* json.c - prints strings as JSON. */
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

void dnx_json_part(const char *text, size_t n) {
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; n--; c++) {
        if (*c == '"' || *c == '\\') printf("\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f) printf("\\u%04x", *c);
        else putchar(*c);
    }
    putchar('"');
}

void dnx_json_text(const char *text) {
    if (text) dnx_json_part(text, strlen(text));
    else printf("null");
}
