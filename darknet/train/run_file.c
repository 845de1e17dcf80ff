/* run_file.c - writes and reads NAME.run, the record of a run for people and for `darknet runs`. */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/outfile.h"
#include "train/job.h"

/* Writes the word, in quotes where sh needs them. */
static void put_word(FILE *f, const char *w) {
    if (*w && !strpbrk(w, " \t\n'\"\\$&;|<>()*?[]#~`!{}")) {
        fputs(w, f);
        return;
    }
    fputc('\'', f);
    for (; *w; w++) *w == '\'' ? fputs("'\\''", f) : fputc(*w, f);
    fputc('\'', f);
}

static void put_command(dnx_record *r) {
    char *text = NULL, *word = NULL;
    size_t length = 0, room = 0;
    FILE *in = fopen("/proc/self/cmdline", "rb"), *out = open_memstream(&text, &length);
    for (bool more = false; in && out && getdelim(&word, &room, 0, in) > 0; more = true) {
        if (more) fputc(' ', out);
        put_word(out, word);
    }
    if (in) fclose(in);
    if (out) fclose(out);
    dnx_record_put(r, "command", "%s", text ? text : "");
    free(word);
    free(text);
}

static void put_number(dnx_record *r, const char *key, const char *format, double v) {
    char text[40] = "";
    if (!isnan(v)) snprintf(text, sizeof text, format, v);
    dnx_record_put(r, key, "%s", text);
}

static void put_results(const dnx_train_job *j, dnx_record *r) {
    dnx_record_put(r, "batch", "%" PRIu64, j->saved_batch);
    dnx_record_put(r, "batches", "%" PRIu64, j->last);
    put_number(r, "loss", "%.5g", j->loss);
    put_number(r, "accuracy", "%.4f", j->accuracy);
    put_number(r, "seconds", "%.1f", j->earlier_seconds + dnx_now() - j->began);
    if (!j->pairs) return;
    put_number(r, "verified", "%.5f", j->verified);
    put_number(r, "best", "%.5f", j->best_verified < 0 ? NAN : j->best_verified);
    dnx_record_put(r, "best at batch", "%" PRIu64, j->best_batch);
    dnx_record_put(r, "best on", DNX_BEST_ON, dnx_train_verified_on(j->a));
    char sum[17];
    dnx_train_verified_sum(j, sum);
    dnx_record_put(r, "best on checksum", "%s", sum);
    if (j->pairs->judge.kind) dnx_record_put(r, "judge", "%s", j->pairs->judge.name);
}

static void put_paths(const dnx_train_job *j, dnx_record *r) {
    char folder[PATH_MAX];
    struct utsname host;
    put_command(r);
    dnx_record_put(r, "folder", "%s", getcwd(folder, sizeof folder) ? folder : "");
    dnx_record_put(r, "cfg", "%s", j->a->cfg);
    dnx_record_put(r, "data", "%s", j->a->data);
    if (j->begun_from) dnx_record_put(r, "start", "%s", j->begun_from);
    if (*j->begun_sum) dnx_record_put(r, "start checksum", "%s", j->begun_sum);
    dnx_record_put(r, "weights", "%s", j->weights);
    dnx_record_put(r, "machine", "%s", uname(&host) ? "" : host.nodename);
    dnx_record_put(r, "process", "%ld", (long)getpid());
}

dnx_status dnx_train_write_run(dnx_train_job *j, const char *state, dnx_err *err) {
    dnx_record r = {0};
    char now[32], *text = NULL;
    dnx_clock_text(now, sizeof now);
    if (!*j->start) memcpy(j->start, now, sizeof j->start);
    dnx_record_put(&r, "state", "%s", state);
    dnx_record_put(&r, "began", "%s", j->start);
    dnx_record_put(&r, "saved", "%s", now);
    put_results(j, &r);
    dnx_record_put(&r, "seed", "%d", j->net->o.seed);
    put_paths(j, &r);
    char *head = dnx_record_text(&r);
    dnx_record_free(&r);
    if (head && asprintf(&text, "%s%s", head, j->inputs_text) < 0) text = NULL;
    dnx_status st = text ? dnx_outfile_write(j->run, text, strlen(text), err)
                         : dnx_no_memory(j->run, err);
    free(head);
    free(text);
    return st;
}

/* Returns the number of this key, or `otherwise` when the record has none. */
static double number(const dnx_record *r, const char *key, double otherwise) {
    const char *text = dnx_record_get(r, key);
    return text && *text ? strtod(text, NULL) : otherwise;
}

void dnx_train_read_run(dnx_train_job *j) {
    dnx_record r = {0};
    size_t len;
    char verified[17];
    char *text = dnx_file_read_unnoted(j->run, DNX_MAX_FILE, &len);
    if (text) dnx_record_parse(&r, text);
    const char *began = dnx_record_get(&r, "began"), *from = dnx_record_get(&r, "start"),
               *sum = dnx_record_get(&r, "start checksum");
    /* if strdup() has no memory, NAME.run will only lack its line "start" */
    if (from && !j->begun_from) j->begun_from = strdup(from);
    if (sum) snprintf(j->begun_sum, sizeof j->begun_sum, "%s", sum);
    if (began) snprintf(j->start, sizeof j->start, "%s", began);
    j->earlier_seconds = number(&r, "seconds", 0);
    j->loss = number(&r, "loss", NAN);
    j->accuracy = number(&r, "accuracy", NAN);
    dnx_train_verified_sum(j, verified);
    if (dnx_record_is(&r, "best on checksum", verified)) j->verified = number(&r, "verified", NAN);
    j->is_recorded = dnx_record_is(&r, "state", "done");
    dnx_record_free(&r);
    free(text);
}
