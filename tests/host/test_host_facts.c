/* test_host_facts.c - facts about libdarknet for which we have workarounds, numbered H1, H2 and so
 * on. When a fact no longer holds, its workaround can go. */
#include <darknet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/loop.h"
#include "lib/tap.h"

/* libdarknet exports these functions, but no header declares them. */
void variance_cpu(float *x, float *mean, int batch, int filters, int spatial, float *variance);
void normalize_delta_cpu(float *x, float *mean, float *variance, float *mean_delta,
                         float *variance_delta, int batch, int filters, int spatial, float *delta);

static char dir[] = "/tmp/dnx_facts_XXXXXX";
static char path[64];
static const char *cfg_text;

static void fact(bool holds, const char *text) {
    group("%s", text);
    check(holds, "no longer so");
}

static char *write_file(const char *name, const char *text) {
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    if (f) fputs(text, f), fclose(f);
    return path;
}

static network *parse(const char *text) {
    srand(7);
    return parse_network_cfg(write_file("a.cfg", text));
}

static void free_host(network *net) {
    free(net->seen);
    free(net->t);
    free(net->cost);
    free(net->workspace);
    free_network(net);
}

/* Runs what() in a child process, which then exits with 77. Returns the child's wait status. */
static int child(void (*what)(void)) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 1);
        dup2(null, 2);
        alarm(10);
        /* Removes the sanitizers' handlers: these signals then end the child. */
        const int signals[] = {SIGSEGV, SIGFPE, SIGABRT};
        for (int i = 0; i < 3; i++) signal(signals[i], SIG_DFL);
        /* Keeps a leak checker from reporting libdarknet's leaks. */
        void *disable = dlsym(RTLD_DEFAULT, "__lsan_disable");
        void (*ignore_leaks)(void) = NULL;
        memcpy(&ignore_leaks, &disable, sizeof disable);
        if (ignore_leaks) ignore_leaks();
        what();
        _exit(77);
    }
    int status = -1;
    if (pid > 0) waitpid(pid, &status, 0);
    return status;
}

static bool dies(int status, int sig) { return WIFSIGNALED(status) && WTERMSIG(status) == sig; }
static bool exits(int status, int code) { return WIFEXITED(status) && WEXITSTATUS(status) == code; }

static void parse_only(void) { parse(cfg_text); }
static int parse_status(const char *text) {
    cfg_text = text;
    return child(parse_only);
}

#define NET(w, c) "[net]\nbatch=1\nheight=" #w "\nwidth=" #w "\nchannels=" #c "\n"
#define CONV(options) "[convolutional]\nfilters=2\nactivation=linear\n" options "\n"
#define CONV3 CONV("size=3\npad=1")

/* ---- H1, H2, H5: what the backward pass of layer 1 does to the delta of layer 0 ---- */

static float first_delta_after(const char *layers, float there, float *mine) {
    char text[512];
    snprintf(text, sizeof text, "%s%s", NET(4, 2) CONV3, layers);
    network *net = parse(text);
    layer *l = net->layers;
    network n = *net;
    for (int i = 0; i < l[0].outputs; i++) {
        l[0].output[i] = sinf(1.f + (float)i);
        l[0].delta[i] = there;
    }
    for (int i = 0; i < l[1].outputs; i++) l[1].delta[i] = mine ? cosf((float)i) : 0;
    n.index = 1;
    n.input = l[0].output;
    n.delta = l[0].delta;
    l[1].forward(l[1], n);
    if (mine) *mine = l[1].delta[0];
    l[1].backward(l[1], n);
    float d = l[0].delta[0];
    free_host(net);
    return d;
}

static void deltas(void) {
    fact(first_delta_after(CONV("size=1"), 7, NULL) == 0,
         "H1: the backward of a 1x1 convolution overwrites net.delta");
    fact(first_delta_after(CONV3, 7, NULL) == 7,
         "H1: the backward of a 3x3 convolution adds to net.delta");
    fact(first_delta_after("[activation]\nactivation=leaky\n", 7, NULL) == 0,
         "H2: the backward of [activation] overwrites net.delta");
    float mine;
    fact(first_delta_after("[l2norm]\n", 0, &mine) == mine,
         "H5: the backward of [l2norm] passes the delta straight through");
}

/* ---- forward passes ---- */

static void stride_and_binary(void) {
    float x[32], *y;
    for (int i = 0; i < 32; i++) x[i] = sinf(1.f + (float)i);
    network *net = parse(NET(4, 1) CONV("size=1\nstride=2"));
    net->layers[0].weights[0] = 1;
    y = network_predict(net, x);
    fact(net->layers[0].outputs == 8 && y[1] == x[1] && y[3] == x[3],
         "H3: a 1x1 convolution with stride 2 reads its input without the stride");
    free_host(net);

    network *plain = parse(NET(4, 2) CONV3);
    network *binary = parse(NET(4, 2) CONV("size=3\npad=1\nbinary=1"));
    network *xnor = parse(NET(4, 2) CONV("size=3\npad=1\nxnor=1"));
    y = network_predict(plain, x);
    size_t bytes = (size_t)plain->outputs * sizeof(float);
    fact(!memcmp(y, network_predict(binary, x), bytes), "H6: binary=1 changes nothing on the CPU");
    fact(memcmp(y, network_predict(xnor, x), bytes), "H6: xnor=1 does change the result");
    fact(!memcmp(plain->layers[0].weights, binary->layers[0].weights, 18 * sizeof(float)),
         "H17: weights come from rand(): the same srand gives the same weights");
    rand();
    network *other = parse_network_cfg(path);
    fact(memcmp(plain->layers[0].weights, other->layers[0].weights, 18 * sizeof(float)),
         "H17: weights come from rand(): its state decides");
    free_host(plain);
    free_host(binary);
    free_host(xnor);
    free_host(other);
}

static void batchnorm_alone(void) {
    network *net = parse(NET(4, 1) "[batchnorm]\n");
    float x[16] = {0};
    network_predict(net, x);
}

static void batchnorm(void) {
    fact(dies(child(batchnorm_alone), SIGSEGV), "H4: [batchnorm] as its own section crashes");
    float x = 1, mean = 0, variance = 0, d_mean = 0, d_variance = 0, delta = 1, u = 1;
    normalize_cpu(&u, &mean, &variance, 1, 1, 1);
    fact(fabsf(u * 1e-6f - 1) < 1e-3f, "H7: batch norm's forward divides by sqrt(var)+1e-6");
    normalize_delta_cpu(&x, &mean, &variance, &d_mean, &d_variance, 1, 1, 1, &delta);
    fact(fabsf(delta - 316.228f) < .1f, "H7: batch norm's backward divides by sqrt(var+1e-5)");
    float pair[2] = {-1, 1};
    variance_cpu(pair, &mean, 1, 1, 2, &variance);
    fact(fabsf(variance - 2) < 1e-5f, "batch norm's variance is the sum over n-1");
}

/* ---- H8: the parsers ---- */

static void missing_cfg(void) { parse_network_cfg("/nonexistent/a.cfg"); }
static void missing_weights(void) { load_weights(parse(NET(4, 2) CONV3), "/nonexistent/a"); }
static void tiny_weights(void) { load_weights(parse(NET(4, 2) CONV3), write_file("w", "abc")); }
static void bad_filters(void) {
    _exit(parse(NET(4, 2) "[convolutional]\nfilters=abc\nsize=1\n")->layers[0].n == 0 ? 3 : 4);
}
static void bad_activation(void) {
    network *n = parse(NET(4, 2) "[convolutional]\nfilters=1\nsize=1\nactivation=reluu\n");
    _exit(n->layers[0].activation == RELU ? 3 : 4);
}
static void bad_section(void) {
    _exit(parse(NET(4, 2) "[convolutionall]\nfilters=1\n")->layers[0].forward == NULL ? 3 : 4);
}
static void bad_option(void) {
    _exit(parse(NET(4, 2) CONV("size=3\nstrde=2"))->layers[0].stride == 1 ? 3 : 4);
}
static void bad_from(void) {
    _exit(parse(NET(4, 2) "[shortcut]\nfrom=-3\nactivation=linear\n")->layers[0].index < 0 ? 3 : 4);
}

static void parsers(void) {
    fact(exits(child(missing_cfg), 0), "H8: a missing cfg ends the process with status 0");
    fact(exits(child(missing_weights), 0), "H8: missing weights end the process with status 0");
    fact(exits(child(tiny_weights), 77), "H8: a weights file of 3 bytes loads");
    fact(exits(child(bad_filters), 3), "H8: filters=abc is 0");
    fact(exits(child(bad_activation), 3), "H8: activation=reluu is ReLU");
    fact(exits(child(bad_section), 3), "H8: an unknown section is a layer without forward");
    fact(exits(child(bad_option), 3), "H8: strde=2 is accepted");
    fact(exits(child(bad_from), 3), "H8: from=-3 at layer 0 is accepted");
    fact(dies(parse_status("batch=1\n" NET(4, 2) CONV3), SIGSEGV),
         "H8: an option before the first section crashes");
    fact(dies(parse_status(NET(4, 2) CONV3 "[route]\n"), SIGSEGV),
         "H8: [route] without layers crashes");
    fact(dies(parse_status(NET(4, 2) CONV("size=3\nstride=0")), SIGFPE), "H8: stride=0 crashes");
    fact(dies(parse_status(NET(4, 2) "subdivisions=0\n" CONV3), SIGFPE),
         "H8: subdivisions=0 crashes");
}

/* ---- H11, H12: symbols and sizes ---- */

static void symbols(void) {
    const char *const names[] = {"error", "softmax", "flatten", "gradient", "mutex"};
    for (int i = 0; i < 5; i++) {
        Dl_info at;
        void *p = dlsym(RTLD_DEFAULT, names[i]);
        fact(p && dladdr(p, &at) && strstr(at.dli_fname, "libdarknet"),
             "H11: the library exports error, softmax, flatten, gradient, mutex; none is ours");
    }
    fact(dnx_host_cpu_build(), "H12: the library has no cuda_make_array");
    fact(sizeof(layer) == 1184, "H12: a layer has 1,184 bytes");
}

/* ---- H13, H16: memory that libdarknet leaks. These tests free it themselves. If libdarknet ever
 * frees it, too, the second free() aborts and the test fails. ---- */

static void free_twice(void) {
    void *volatile p = malloc(1184); /* without volatile the compiler would remove malloc */
    free(p);
    free(p);
}
static void free_self_layer(void) {
    layer l = {.type = BLANK};
    l.self_layer = malloc(sizeof l);
    free_layer(l);
    free(l.self_layer);
}
static void free_leaks(void) {
    network *n = parse(NET(4, 2) CONV3);
    void *const all[] = {n->seen, n->t, n->cost, n->workspace};
    free_network(n);
    for (int i = 0; i < 4; i++) free(all[i]);
}

static void leaks(void) {
    fact(!exits(child(free_twice), 77), "a second free of a block is noticed here");
    fact(exits(child(free_self_layer), 77), "H13: free_layer does not free self_layer");
    fact(exits(child(free_leaks), 77), "H16: free_network leaks seen, t, cost and workspace");
}

/* ---- H14, H15: the loop over batches and layers ---- */

typedef struct {
    bool saw_delta[2], saw_truth[2], saw_train;
    int batch;
} seen_by_layers;
static seen_by_layers saw;

static void spy(layer l, network n) {
    (void)l;
    saw.saw_delta[n.index] = n.delta != NULL;
    saw.saw_truth[n.index] = n.truth != NULL;
    saw.saw_train = n.train;
    saw.batch = l.batch;
}

static void loop(void) {
    float d0[4], d1[4], y0[4], y1[4], x[4] = {0}, truth[4] = {0}, cost[2] = {2, 4}, total;
    size_t seen = 0;
    int t = 0;
    // clang-format off
    layer l[2] = {{.type = BLANK, .forward = spy, .backward = spy, .batch = 4, .outputs = 1,
                   .delta = d0, .output = y0, .cost = cost},
                  {.type = BLANK, .forward = spy, .backward = spy, .batch = 4, .outputs = 1,
                   .delta = d1, .output = y1, .cost = cost + 1}};
    // clang-format on
    network n = {.n = 2,
                 .batch = 4,
                 .subdivisions = 2,
                 .layers = l,
                 .seen = &seen,
                 .t = &t,
                 .cost = &total,
                 .input = x,
                 .truth = truth,
                 .learning_rate = 1,
                 .output = y1};
    float returned = train_network_datum(&n);
    fact(returned == 3, "H14: the loop's cost is the mean over loss layers");
    fact(seen == 4 && t == 0, "the loop updates after `subdivisions` batches");
    fact(!saw.saw_delta[0] && saw.saw_delta[1], "H15: only the first layer gets no net.delta");
    fact(saw.saw_truth[0] && saw.saw_train, "H15: training passes the truth");
    train_network_datum(&n);
    fact(seen == 8 && t == 1, "the loop updates after `subdivisions` batches");
    l[0].cost = l[1].cost = NULL;
    forward_network(&n);
    fact(isnan(total), "H14: the loop's cost is NaN without loss layers");

    float *y = network_predict(&n, x);
    fact(y == y1 && !saw.saw_truth[1] && !saw.saw_delta[1] && !saw.saw_train,
         "H15: prediction passes neither truth nor delta");
    set_batch_network(&n, 1);
    forward_network(&n);
    fact(saw.batch == 1, "H15: set_batch_network lowers l.batch");
    l[1].type = COST;
    fact(get_network_output_layer(&n).output == y0,
         "H13: the host's output layer is the one before the last COST layers");
}

static void updates(void) {
    network *net = parse(NET(4, 1) "[convolutional]\nfilters=1\nsize=1\nactivation=linear\n");
    layer l = net->layers[0];
    l.weights[0] = 2;
    l.weight_updates[0] = 10;
    l.biases[0] = 3;
    l.bias_updates[0] = 5;
    update_args a = {.batch = 4, .learning_rate = .5f, .momentum = .9f, .decay = .1f};
    l.update(l, a);
    /* The update of the weight with its decay is 10 - .1 * batch 4 * weight 2 = 9.2. The new weight
     * is 2 + rate .5 / batch 4 * 9.2 = 3.15. The bias has no decay. */
    fact(fabsf(l.weights[0] - 3.15f) < 1e-5f && fabsf(l.weight_updates[0] - 8.28f) < 1e-5f &&
             fabsf(l.biases[0] - 3.625f) < 1e-5f && fabsf(l.bias_updates[0] - 4.5f) < 1e-5f,
         "H14: updates hold the descent direction, summed over the batch");
    free_host(net);
}

static void clean(void) {
    unlink(write_file("a.cfg", ""));
    unlink(write_file("w", ""));
    rmdir(dir);
}

int main(void) {
    if (!mkdtemp(dir)) return 1;
    int err = dup(2), null = open("/dev/null", O_WRONLY);
    dup2(null, 2);
    close(null);
    deltas();
    stride_and_binary();
    batchnorm();
    parsers();
    symbols();
    leaks();
    loop();
    updates();
    clean();
    dup2(err, 2);
    close(err);
    return tap_summary();
}
