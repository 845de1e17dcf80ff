/* fuzz_request.c - libFuzzer target: the input is an HTTP request for the page of a training. */
#include "fuzz/file.h"
#include "train/page_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = fuzz_copy(data, size > DNX_REQUEST_MOST ? DNX_REQUEST_MOST : size);
    if (!copy) return 0;
    const size_t n = size > DNX_REQUEST_MOST ? DNX_REQUEST_MOST : size;
    const dnx_request r = dnx_request_read((const char *)copy, n);
    const char *answer = dnx_request_answer(r);
    const bool is_good = r == DNX_REQUEST_PAGE || r == DNX_REQUEST_EVENTS;
    fuzz_must(r != DNX_REQUEST_BUSY && (r != DNX_REQUEST_PART || n < DNX_REQUEST_MOST));
    fuzz_must(!strncmp(answer, is_good ? "HTTP/1.1 200 " : "HTTP/1.1 4", is_good ? 13 : 10));
    if (is_good) fuzz_must(!memcmp(copy, "GET /", 5));
    free(copy);
    return 0;
}
