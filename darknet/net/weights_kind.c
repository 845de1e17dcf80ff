/* weights_kind.c - recognises files of other frameworks by their first bytes. */
#include "net/weights_kind.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define IS(text) (n >= sizeof(text) - 1 && !memcmp(b, text, sizeof(text) - 1))

static const char pytorch[] = "this is a PyTorch file; scripts/import_torch.py converts it";

static uint32_t word(const unsigned char *b, size_t at) {
    return b[at] | (uint32_t)b[at + 1] << 8 | (uint32_t)b[at + 2] << 16 | (uint32_t)b[at + 3] << 24;
}

static bool ends_with(const unsigned char *name, size_t n, const char *end) {
    size_t len = strlen(end);
    return n >= len && !memcmp(name + n - len, end, len);
}

/* Recognises a zip archive by its first member's name, which begins at byte 30. */
static const char *zip_kind(const unsigned char *b, size_t n) {
    size_t len = n < 30 ? 0 : b[26] + ((size_t)b[27] << 8);
    const unsigned char *name = b + 30;
    if (len > n - 30) len = 0;
    if (ends_with(name, len, ".npy"))
        return "this is a NumPy archive (.npz); write its arrays as README.md of darknet/net says";
    if (ends_with(name, len, "data.pkl") || ends_with(name, len, "/version") ||
        ends_with(name, len, "/byteorder") || ends_with(name, len, "/.format_version"))
        return pytorch;
    if (ends_with(name, len, "config.json") || ends_with(name, len, "metadata.json"))
        return "this is a Keras file; export its network to PyTorch or save its arrays "
               "in another format";
    return "this is a zip archive";
}

/* Recognises Protocol Buffers. ONNX begins with a version (field 1, a number), Caffe with the name
 * of the network (field 1, text), followed by layers. */
static const char *protobuf_kind(const unsigned char *b, size_t n) {
    if (n > 3 && b[0] == 8 && b[1] >= 1 && b[1] <= 32 &&
        (b[2] == 0x12 || b[2] == 0x1a || b[2] == 0x22 || b[2] == 0x28 || b[2] == 0x3a ||
         b[2] == 0x42))
        return "this is an ONNX file; only networks in cfg files with .weights are read";
    size_t end = n > 1 && b[0] == 0x0a && b[1] < 128 ? 2 + (size_t)b[1] : n;
    if (end + 1 < n && (b[end] == 0x12 || (b[end] == 0xa2 && b[end + 1] == 6)) && b[2] >= 0x20)
        return "this is a Caffe model; convert its parameters as README.md of darknet/net says";
    return NULL;
}

static bool is_text(const unsigned char *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (b[i] < 0x20 && b[i] != '\n' && b[i] != '\r' && b[i] != '\t') return false;
    return n > 0;
}

/* ncnn writes a tag before the numbers of each layer. Three tags occur in no other format. The tag
 * 0 means float32; then the next numbers must look like weights. */
static bool is_ncnn(const unsigned char *b, size_t n) {
    if (n < 64) return false;
    uint32_t tag = word(b, 0);
    if (tag == 0x01306B47 || tag == 0x000D4B38 || tag == 0x0002C056) return true;
    if (tag) return false;
    for (size_t i = 4; i + 4 <= 64; i += 4) {
        float v;
        memcpy(&v, b + i, sizeof v);
        if (!isfinite(v) || fabsf(v) > 100 || (v != 0 && fabsf(v) < 1e-20f)) return false;
    }
    return true;
}

const char *dnx_weights_kind(const unsigned char *b, size_t n) {
    if (n >= 12 && word(b, 0) == 0 && word(b, 4) < 10)
        return NULL; /* a .weights file of version 0.x */
    if (IS("PK\3\4")) return zip_kind(b, n);
    if (IS("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19")) return pytorch;
    if (n > 1 && b[0] == 0x80 && b[1] >= 2 && b[1] <= 5)
        return "this is a Python pickle; of PyTorch's, scripts/import_torch.py converts it";
    if (IS("\x89HDF\r\n\x1a\n"))
        return "this is an HDF5 file (Keras); write its arrays as README.md of darknet/net says";
    if (IS("\x93NUMPY")) return "this is a NumPy array; write it as README.md of darknet/net says";
    if (n > 8 && word(b, 4) == 0 && b[8] == '{')
        return "this is a safetensors file; save it by torch.save and convert that by "
               "scripts/import_torch.py";
    if (n > 8 && !memcmp(b + 4, "TFL3", 4)) return "this is a TensorFlow Lite model";
    if (IS("DNXSTAT")) return "this is a checkpoint (.state); the .weights beside it is meant";
    if (IS("DNXE")) return "this is a file of embeddings";
    if (IS("\xff\xd8\xff") || IS("\x89PNG")) return "this is an image";
    const char *protobuf = protobuf_kind(b, n);
    if (protobuf) return protobuf;
    if (is_text(b, n))
        return b[0] == '[' || memchr(b, '[', n)
                   ? "this is text, perhaps the cfg; the weights come after it"
                   : "this is text";
    if (is_ncnn(b, n))
        return "this looks like ncnn's .bin; convert its numbers as README.md of darknet/net says";
    return NULL;
}
