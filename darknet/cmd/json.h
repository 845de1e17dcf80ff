/* json.h - the part of writing JSON that has rules. */
#ifndef DNX_JSON_H
#define DNX_JSON_H

/* Prints a string with its quotes, or null. Bytes from 0x80 on stay: JSON is UTF-8. */
void dnx_json_text(const char *text);
#endif
