/* weights_kind.h - names files that people give as weights and that are something else. */
#ifndef DNX_WEIGHTS_KIND_H
#define DNX_WEIGHTS_KIND_H
#include <stddef.h>

#define DNX_KIND_BYTES 512 /* of the file's beginning: enough to know every kind */

/* What a file that begins with these bytes is, and what to do with it ("this is an ONNX file...");
 * NULL: unknown. Never wrong about a .weights file of version 0.1 or 0.2. */
const char *dnx_weights_kind(const unsigned char *bytes, size_t n);
#endif
