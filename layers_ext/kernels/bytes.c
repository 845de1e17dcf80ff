/* bytes.c - checks whether this processor can multiply bytes (VNNI). */
#include "kernels/bytes.h"

#include <string.h>

#include "kernels/kernels.h"

#if defined(__x86_64__)
extern const dnx_byte_set dnx_bytes_vnni;

const dnx_byte_set *dnx_bytes(void) {
    __builtin_cpu_init();
    return !strcmp(dnx_kernels()->name, "avx512") && __builtin_cpu_supports("avx512vnni")
               ? &dnx_bytes_vnni
               : NULL;
}
#else
const dnx_byte_set *dnx_bytes(void) { return NULL; }
#endif
