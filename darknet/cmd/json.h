/* json.h - prints strings as JSON. */
#ifndef DNX_JSON_H
#define DNX_JSON_H
#include <stddef.h>

/* Prints a string in quotes, or null. Bytes from 0x80 on are copied, because JSON is UTF-8. */
void dnx_json_text(const char *text);
/* Prints the first n bytes of a string in quotes. */
void dnx_json_part(const char *text, size_t n);
#endif
