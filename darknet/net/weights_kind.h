/* weights_kind.h - recognises files that are not Darknet weights, for error messages. */
#ifndef DNX_WEIGHTS_KIND_H
#define DNX_WEIGHTS_KIND_H
#include <stddef.h>

#define DNX_KIND_BYTES 512 /* first bytes of a file, enough to recognise every kind */

/* Returns what a file is that begins with these n bytes, such as "this is an ONNX file...". Returns
 * NULL for a .weights file of version 0.x, and for unknown bytes. */
const char *dnx_weights_kind(const unsigned char *bytes, size_t n);
#endif
