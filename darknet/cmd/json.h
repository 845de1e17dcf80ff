/* json.h - prints strings as JSON. */
#ifndef DNX_JSON_H
#define DNX_JSON_H

/* Prints a string in quotes, or null. Bytes from 0x80 on are copied, because JSON is UTF-8. */
void dnx_json_text(const char *text);
#endif
