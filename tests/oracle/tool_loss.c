/* tool_loss TYPE OPTIONS B C T STEPS in.f32 out.f64: runs STEPS training passes of one loss layer,
 * without a network. OPTIONS: the lines of its section, separated by ';'. B: images in a pass;
 * C, T: lengths of the student's and the teacher's feature.
 * in.f32 has the parameters, then for each pass x (B x C), target (B x T), truth (B).
 * out.f64 has for each pass the loss and dx, then the parameters. */
#include "layer/classifier.h"
#include "lib/node.h"

static void take(FILE *f, float *v, size_t n) {
    must(fread(v, sizeof *v, n, f) == n, "the input is too short");
}

static void put(FILE *f, const float *v, size_t n) {
    for (size_t i = 0; i < n; i++) must(fwrite(&(double){(double)v[i]}, 8, 1, f) == 1, "write");
}

int main(int argc, char **a) {
    dnx_err err = {0};
    dnx_param list[DNX_MAX_PARAMS];
    if (argc != 9) return 2;
    const int B = atoi(a[3]), C = atoi(a[4]), T = atoi(a[5]), steps = atoi(a[6]);
    const size_t nx = (size_t)(B * C), nt = (size_t)(B * T);
    dnx_distillation d = {.target = {1, 1, T}};
    dnx_node n = {.batch = B,
                  .trains = true,
                  .seed = 1,
                  .n_in = 1,
                  .in = {{1, 1, C}},
                  .loc = {"t", 1},
                  .pool = dnx_pool_new(2),
                  .distillation = &d};
    /* With centres=inherited the teacher gives no feature: its class vectors are parameters. */
    if (strstr(a[2], "inherited")) d.target.c = 0;
    for (char *c = a[2]; *c; c++) *c = *c == ';' ? '\n' : *c;
    if (open_node(&n, a[1], a[2], &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    FILE *in = fopen(a[7], "rb"), *out = fopen(a[8], "wb");
    must(in && out, "cannot open the files");
    float *x = dnx_alloc(nx), *target = dnx_alloc(nt), *truth = dnx_alloc((size_t)B);
    dnx_pass p = {.batch = B,
                  .is_training = true,
                  .x = {x},
                  .target = target,
                  .truth = truth,
                  .y = dnx_alloc((size_t)B),
                  .dx = {dnx_alloc(nx)},
                  .scratch = dnx_alloc(n.scratch)};
    const int params = node_params(&n, list);
    for (int i = 0; i < params; i++) take(in, list[i].value, list[i].count);
    for (int i = 0; i < steps; i++, p.update++) {
        take(in, x, nx);
        take(in, target, nt);
        take(in, truth, (size_t)B);
        n.type->forward(&n, &p);
        n.type->backward(&n, &p);
        must(fwrite(&p.loss, sizeof p.loss, 1, out) == 1, "write");
        put(out, p.dx[0], nx);
    }
    for (int i = 0; i < params; i++) put(out, list[i].value, list[i].count);
    must(fgetc(in) == EOF, "the input is too long");
    fclose(in);
    float *all[] = {x, target, truth, p.y, p.dx[0], p.scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) dnx_free(all[i]);
    shut_node(&n);
    dnx_pool_free(n.pool);
    return fclose(out) != 0;
}
