/* matching.c - opens the network, the detector and the threshold for comparing faces. */
#include "cmd/matching.h"

#include <string.h>

#include "cmd/cmd.h"
#include "net/fingerprint.h"

dnx_status dnx_matching_open(const dnx_matching_args *a, dnx_matching *t, dnx_err *err) {
    const int threads = dnx_threads(a->threads);
    *t = (dnx_matching){.m.least = a->least};
    dnx_status st = dnx_threshold_read(a->threshold, &t->threshold, err);
    const dnx_opening how = {a->cfg,      a->weights,         1,
                             .batch = 16, .threads = threads, .to_run = true};
    if (!st) st = dnx_open_features(&how, &t->m.net, err);
    if (st) return st;
    t->m.last = dnx_net_embedding(t->m.net);
    st = dnx_matcher_check(&t->m, err);
    t->network = dnx_net_fingerprint(t->m.net, t->m.last);
    if (!st) st = dnx_threshold_fits(&t->threshold, a->threshold, t->network, err);
    if (!st && !a->aligned) st = dnx_mtcnn_open(a->mtcnn, threads, &t->m.detector, err);
    return st;
}

void dnx_matching_close(dnx_matching *t) {
    dnx_mtcnn_close(t->m.detector);
    dnx_net_free(t->m.net);
}

dnx_status dnx_matching_read(const dnx_matching *t, const char *path, dnx_portrait *p,
                             dnx_err *err) {
    dnx_status st = dnx_portrait_read(&t->m, path, p, err);
    if (st || p->n) return st;
    return dnx_fail_at(err, DNX_EIO, path, "no face of %g pixels or more was found", t->m.least);
}

void dnx_matching_print(const dnx_matching *t) {
    if (!t->threshold.is_known)
        printf("no verdict: -threshold FILE names threshold.json of eval_lfw.py, or a cosine\n");
    else if (t->threshold.rate > 0)
        printf("threshold %.4f: of pairs of different people, %g %% are above it\n",
               t->threshold.cosine, 100 * t->threshold.rate);
    else printf("threshold %.4f\n", t->threshold.cosine);
}

void dnx_matching_json_box(const dnx_matching *t, const dnx_found *face) {
    if (t->m.detector) printf("[%.1f, %.1f, %.1f, %.1f]", face->x1, face->y1, face->x2, face->y2);
    else printf("null");
}

void dnx_matching_json_end(const dnx_matching *t) {
    const dnx_threshold *h = &t->threshold;
    if (h->is_known) printf("], \"threshold\": %.9g", h->cosine);
    else printf("], \"threshold\": null");
    if (h->rate > 0) printf(", \"false_match_rate\": %.9g}\n", h->rate);
    else printf(", \"false_match_rate\": null}\n");
}
