/* bytes.c - checks whether this processor can multiply bytes (VNNI). */
#include "kernels/bytes.h"

#include <string.h>

#include "kernels/kernels.h"

#if defined(__x86_64__)
extern const dnx_byte_set dnx_bytes_vnni;

#endif

const dnx_byte_set *dnx_bytes(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!strcmp(dnx_kernels()->name, "avx512") && __builtin_cpu_supports("avx512vnni"))
        return &dnx_bytes_vnni;
#endif
    return NULL;
}
