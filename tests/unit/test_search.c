/* test_search.c - compares the exact search with sorting; reads threshold.json and features. */
#include "data/embeddings.h"
#include "face/gallery.h"
#include "face/search.h"
#include "face/threshold.h"
#include "kernels/bytes.h"
#include "kernels/pool.h"
#include "lib/check.h"

static dnx_rng r;

static float *rows(size_t n, size_t dim) {
    float *v = dnx_alloc(n * dim);
    must(v != NULL, "memory");
    for (size_t i = 0; i < n * dim; i++) v[i] = dnx_rng_uniform(&r) - .5f;
    dnx_unit_rows(v, n, dim);
    return v;
}

static const double *sorted_by;
static int falling(const void *a, const void *b) {
    const double p = sorted_by[*(const size_t *)a], q = sorted_by[*(const size_t *)b];
    return p < q ? 1 : p > q ? -1 : *(const size_t *)a > *(const size_t *)b ? 1 : -1;
}

/* Some rows get one large number, so that the bytes of the row have large rounding errors. */
static void search(const dnx_byte_set *bytes, size_t n, int q, int dim, int k, int threads) {
    static double cosine[3000];
    static size_t order[3000];
    float *table = rows(n, (size_t)dim), *queries = rows((size_t)q, (size_t)dim);
    dnx_hit *hits = malloc((size_t)q * (size_t)k * sizeof *hits);
    dnx_pool *pool = dnx_pool_new(threads);
    dnx_err err = {0};
    must(hits && pool, "memory");
    for (size_t i = 0; n > 100 && i < n; i++) {
        float *row = table + i * (size_t)dim;
        if (i % 7 == 3) memcpy(row, row - dim, sizeof *row * (size_t)dim); /* two equal rows */
        if (i % 7 == 4)
            memcpy(row, queries + (i % (size_t)q) * (size_t)dim, /* nearly equal to a query */
                   sizeof *row * (size_t)dim);
        if (i % 7 == 4) row[i % (size_t)dim] = nextafterf(row[i % (size_t)dim], 0);
        if (i % 7 == 5) memset(row, 0, sizeof *row * (size_t)dim / (1 + i % 2));
        if (i % 14 == 6) row[i % (size_t)dim] = 40, dnx_unit_rows(row, 1, (size_t)dim);
    }
    const dnx_query query = {
        .table = table, .n = n, .queries = queries, .q = q, .dim = dim, .k = k, .bytes = bytes};
    must(!dnx_search(&query, pool, hits, &err), err.text);
    int wrong = 0;
    for (int i = 0; i < q; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            order[j] = j;
            for (int d = 0; d < dim; d++)
                sum += (double)table[j * (size_t)dim + (size_t)d] * (double)queries[i * dim + d];
            cosine[j] = (double)(float)sum;
        }
        sorted_by = cosine;
        qsort(order, n, sizeof *order, falling);
        for (int j = 0; j < k; j++) {
            const dnx_hit *h = &hits[i * k + j];
            if ((size_t)j >= n) wrong += h->row != SIZE_MAX;
            else wrong += h->row != order[j] || (double)h->cosine != cosine[order[j]];
        }
    }
    check(!wrong, "%s: %zu x %d, %d queries, best %d, %d threads: %d wrong",
          bytes ? "bytes" : "floats", n, dim, q, k, threads, wrong);
    dnx_pool_free(pool);
    free(hits);
    dnx_free(table);
    dnx_free(queries);
}

static void test_search(const dnx_byte_set *bytes) {
    search(bytes, 1000, 3, 32, 5, 1);
    search(bytes, 1001, 100, 128, 10, 2);
    search(bytes, 999, 33, 129, 7, 2);
    search(bytes, 2503, 1, 7, 40, 3);
    search(bytes, 2001, 70, 512, 3, 1);
    search(bytes, 300, 5, 4099, 3, 2); /* more numbers in a row than the search by bytes takes */
    search(bytes, 300, 17, 4095, 3, 2);
    search(bytes, 3, 2, 16, 5, 2);
    search(bytes, 1, 1, 1, 1, 4);
}

/* bytes->look() must report each dot product above its limit, and few others. */
static void bytes_of(const dnx_byte_set *bytes, int K, int N) {
    enum { P = 203, PANELS = 7 };
    static uint16_t above[P * PANELS];
    static dnx_byte_find found[P * PANELS];
    float *a = rows(P, (size_t)K), *b = rows((size_t)N, (size_t)K), limit[PANELS * DNX_BYTE_PANEL];
    float *packed = dnx_alloc(bytes->packed(K, N) / sizeof(float));
    const int panels = (N + DNX_BYTE_PANEL - 1) / DNX_BYTE_PANEL;
    long missed = 0, named = 0, exceeding = 0, wrong = 0;
    must(packed != NULL, "memory");
    for (int i = 0; i < PANELS * DNX_BYTE_PANEL; i++)
        limit[i] = i < N ? dnx_rng_uniform(&r) * .2f : INFINITY;
    limit[N - 1] = INFINITY;
    limit[0] = -INFINITY;
    memset(a + 5 * K, 0, sizeof *a * (size_t)K);
    memset(above, 0, sizeof above);
    bytes->pack(b, K, N, packed);
    const size_t n = bytes->look(a, P, K, packed, N, limit, a, found);
    for (size_t i = 0; i < n; i++)
        above[found[i].row * panels + (int)found[i].panel] |= found[i].queries;
    for (int p = 0; p < P; p++)
        for (int i = 0; i < panels * DNX_BYTE_PANEL; i++) {
            double sum = 0;
            for (int k = 0; i < N && k < K; k++) sum += (double)a[p * K + k] * (double)b[i * K + k];
            const bool is = i < N && sum > (double)limit[i];
            const bool said = above[p * panels + i / DNX_BYTE_PANEL] >> i % DNX_BYTE_PANEL & 1;
            missed += is && !said;
            wrong += said && limit[i] >= INFINITY;
            exceeding += is;
            named += said;
        }
    check(!missed && !wrong && exceeding >= P,
          "%d numbers, %d queries: %ld of %ld missed, %ld "
          "above infinity",
          K, N, missed, exceeding, wrong);
    if (K == 130)
        check(named < exceeding * 5 / 4, "%ld named, %ld exceed their limit", named, exceeding);
    dnx_free(a);
    dnx_free(b);
    dnx_free(packed);
}

static void test_bytes(const dnx_byte_set *bytes) {
    static const int K[] = {1, 63, 64, 130, 1000, 4096}, N[] = {1, 16, 37, 50, 100};
    for (size_t k = 0; k < sizeof K / sizeof *K; k++)
        for (size_t i = 0; i < sizeof N / sizeof *N; i++) bytes_of(bytes, K[k], N[i]);
}

/* bytes->look() must find row 4, whose dot product with the query is only 3e-6 above the limit.
 * Number 0 of this row is x[0]; the others are x[1] and x[2], in turns, in blocks of 16 numbers.
 * The query is made from q in the same way. */
static void tight(const dnx_byte_set *bytes, const float x[3], const float q[3]) {
    enum { K = 128, P = 5 };
    float a[P * K] = {0}, b[K], limit[DNX_BYTE_PANEL];
    float *packed = dnx_alloc(bytes->packed(K, 1) / sizeof(float));
    dnx_byte_find found[P];
    must(packed != NULL, "memory");
    for (int k = 0; k < K; k++) {
        a[4 * K + k] = k ? x[1 + k / 16 % 2] : x[0];
        b[k] = k ? q[1 + k / 16 % 2] : q[0];
    }
    dnx_unit_rows(a, P, K);
    dnx_unit_rows(b, 1, K);
    double product = 0;
    for (int k = 0; k < K; k++) product += (double)a[4 * K + k] * (double)b[k];
    for (int i = 0; i < DNX_BYTE_PANEL; i++) limit[i] = i ? INFINITY : (float)product - 3e-6f;
    bytes->pack(b, K, 1, packed);
    const size_t n = bytes->look(a, P, K, packed, 1, limit, a, found);
    check(n == 1 && found[0].row == 4 && found[0].queries == 1, "%g %g %g: %zu named, not one",
          (double)x[0], (double)x[1], (double)x[2], n);
    dnx_free(packed);
}

static void test_tight(const dnx_byte_set *bytes) {
    static const float both[2][3] = {{127, 20.45f, 20.45f}, {-127, -20.45f, -20.45f}};
    static const float odd[2][3] = {{127, 0, 20.95f}, {127, 0, 20.45f}}, even[3] = {127, 20.45f, 0};
    static const float only_odd[3] = {0, 0, 1}, only_even[3] = {0, 1, 0};
    for (int i = 0; i < 2; i++) {
        tight(bytes, both[i], both[i]);
        tight(bytes, odd[i], only_odd);
    }
    tight(bytes, even, only_even);
}

/* ---- threshold.json ---- */

#define GOOD                                                                                       \
    "{\n \"format\": \"darknet threshold 1\",\n \"threshold\": 0.25,\n "                           \
    "\"false_match_rate\": 0.001, \"people\": null, \"cfg\": \"a \\\"b\\\", c}\",\n"

static void threshold(const char *text, const char *want) {
    static int number;
    char name[20], *file;
    dnx_threshold t;
    dnx_err err = {0};
    snprintf(name, sizeof name, "%d.json", number++);
    file = path(name);
    write_text(file, text);
    dnx_status st = dnx_threshold_read(file, &t, &err);
    if (want) check(st == DNX_EPARSE && strstr(err.text, want), "'%s' for %s", err.text, text);
    else check(!st && t.is_known && t.cosine == .25 && t.rate == .001, "'%s'", err.text);
    if (want) return;
    check(t.has_network == !strstr(text, "\"network\": null"), "network");
    check(!t.has_network || t.network == 0x89abcdef01234567, "number of the network");
    check(!dnx_threshold_fits(&t, file, 0x89abcdef01234567, &err), "%s", err.text);
    check(dnx_threshold_fits(&t, file, 1, &err) == (t.has_network ? DNX_EPARSE : DNX_OK), "fits");
}

static void test_threshold(void) {
    dnx_threshold t;
    dnx_err err = {0};
    threshold(GOOD "\"network\": \"89abcdef01234567\", \"flip\": \"none\"}\n", NULL);
    threshold(GOOD "\"network\": null, \"flip\": \"none\"}", NULL);
    threshold(GOOD "\"network\": null, \"flip\": \"sum\"}", "is of features with mirrored images");
    threshold(GOOD "\"network\": \"xyz\", \"flip\": \"none\"}", "16 hexadecimal digits");
    threshold(GOOD "\"flip\": \"none\"}", "16 hexadecimal digits");
    threshold("{\"format\": \"other\"}", "is not a threshold");
    threshold("{\"format\": \"darknet threshold 1\", \"threshold\": 1.5}", "threshold: must be");
    threshold("{\"format\": \"darknet threshold 1\", \"threshold\": nan}", "threshold: must be");
    threshold("{\"format\": \"darknet threshold 1\", \"threshold\": 1, \"false_match_rate\": 0}",
              "false_match_rate: must be");
    threshold("{} x", "is not a threshold.json");
    for (size_t n = 0; n < sizeof GOOD - 1; n++) { /* only the first n bytes of a good file */
        char text[sizeof GOOD];
        memcpy(text, GOOD, n);
        text[n] = 0;
        threshold(text, "is not a threshold.json");
    }
    check(!dnx_threshold_read("0.3", &t, &err) && t.is_known && t.cosine == .3 && !t.rate, "0.3");
    check(!dnx_threshold_read(NULL, &t, &err) && !t.is_known, "none");
    check(dnx_threshold_read("1.01", &t, &err) == DNX_EPARSE, "1.01");
    check(dnx_threshold_read("/none", &t, &err) == DNX_EIO, "no file");
}

/* ---- files of features ---- */

static void test_embeddings(bool half) {
    float *v = rows(7, 5);
    dnx_embeddings_out out;
    dnx_embeddings e;
    dnx_err err = {0};
    static char bytes[4096];
    char name[20], *file = path(half ? "half" : "full"), *cut = path("cut");
    const dnx_embeddings_kind kind = {half, DNX_FLIP_SUM, 0x123456789abcdef};
    must(!dnx_embeddings_create(&out, file, 7, 5, &kind, &err), err.text);
    for (int i = 0; i < 7; i++) {
        snprintf(name, sizeof name, "person %d/%d.jpg", i / 2, i);
        dnx_embeddings_name(&out, name);
    }
    dnx_embeddings_rows(&out, v, 7);
    must(!dnx_embeddings_finish(&out, &err), err.text);
    check(!dnx_embeddings_read(file, &e, &err) && e.n == 7 && e.dim == 5, "%s", err.text);
    check(e.kind.is_half == half && e.kind.flip == kind.flip && e.kind.network == kind.network,
          "kind of features");
    double worst = 0;
    for (int i = 0; e.v && i < 35; i++) worst = fmax(worst, fabs((double)(e.v[i] - v[i])));
    check(worst <= (half ? 1e-3 : 0) && !strcmp(e.name[3], "person 1/3.jpg"), "rows: %g", worst);
    size_t len;
    dnx_gallery_identity(e.name[3], &len);
    check(len == 8, "identity of %zu letters", len);
    dnx_embeddings_free(&e);
    size_t n = read_bytes(file, bytes, sizeof bytes - 1);
    for (size_t k = 0; k <= n + 1; k++) {
        if (k == n) continue;
        write_bytes(cut, bytes, k);
        check(dnx_embeddings_read(cut, &e, &err) == DNX_EPARSE, "%zu of %zu bytes", k, n);
        dnx_embeddings_free(&e);
    }
    dnx_free(v);
}

int main(void) {
    dnx_rng_seed(&r, 3, 0);
    make_folder();
    test_search(NULL);
    if (dnx_bytes()) {
        test_search(dnx_bytes());
        test_bytes(dnx_bytes());
        test_tight(dnx_bytes());
    } else skip("products of bytes", NEVER_HERE);
    test_threshold();
    test_embeddings(false);
    test_embeddings(true);
    return summary();
}
