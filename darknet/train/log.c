/* log.c - the CSV log of a training run.
 *
 * -resume removes a line that a kill cut off, and all lines after the checkpoint. */
#include "train/log.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/outfile.h"

enum { MOST_WAITING = 64 << 20 }; /* bytes of waiting text */

/* ---- waiting lines ---- */

/* Adds n bytes to the waiting text. They are lost when memory runs out, or when more than
 * MOST_WAITING bytes would wait. */
static void add_bytes(dnx_log *log, const char *text, size_t n) {
    while (log->len + n >= log->capacity) {
        size_t capacity = log->capacity ? 2 * log->capacity : 4096;
        char *more = capacity > MOST_WAITING ? NULL : realloc(log->text, capacity);
        if (!more) return;
        log->text = more;
        log->capacity = capacity;
    }
    memcpy(log->text + log->len, text, n);
    log->len += n;
    log->text[log->len] = 0;
}

/* Adds formatted text of at most 99 bytes. */
static void add(dnx_log *log, const char *format, ...) {
    char text[100];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add_bytes(log, text, strlen(text));
}

static void add_value(dnx_log *log, const char *format, double v) {
    add(log, ",");
    if (!isnan(v)) add(log, format, v);
}

static void add_titles(dnx_log *log, const dnx_net *net, const char *verification) {
    add(log, "batch,epoch,loss,rate,images_per_second,wait,accuracy,%s,", verification);
    add(log, "exclusivity,gradient");
    for (int i = 0; i < net->n; i++)
        if (net->nodes[i].type->is_loss) add(log, ",%s_%d", net->nodes[i].type->name, i);
    for (int i = 0; i < net->n; i++)
        if (dnx_counts_used(net->nodes[i].type))
            add(log, ",%s_%d_used", net->nodes[i].type->name, i);
}

char *dnx_log_titles(const dnx_log *log, const dnx_net *net) {
    dnx_log titles = {0};
    add_titles(&titles, net, log->verification);
    return titles.text;
}

void dnx_log_write(dnx_log *log, const dnx_net *net, const dnx_log_line *l) {
    add(log, "%llu,%.4f,%.9g,%.6g,%.1f,%.4f", (unsigned long long)l->batch, l->epoch, l->loss,
        l->rate, l->speed, l->wait);
    add_value(log, "%.4f", l->accuracy);
    add_value(log, "%.5f", l->verified);
    add_value(log, "%.6g", l->exclusivity);
    add_value(log, "%.6g", l->gradient);
    for (int i = 0; i < net->n; i++)
        if (net->nodes[i].type->is_loss) add_value(log, "%.9g", l->losses[i]);
    for (int i = 0; i < net->n; i++)
        if (dnx_counts_used(net->nodes[i].type)) add(log, ",%ld", l->used[i]);
    add(log, "\n");
}

const char *dnx_log_last(const dnx_log *log) {
    if (!log->len) return NULL;
    const char *before = memrchr(log->text, '\n', log->len - 1);
    return before ? before + 1 : log->text;
}

/* ---- the file ---- */

/* Returns the start of column i of a line, or NULL when the line has fewer columns. */
static const char *column(const char *line, int i) {
    for (; line && i > 0; i--) {
        line = strchr(line, ',');
        if (line) line++;
    }
    return line;
}

/* Adds a line. If the line has a verification column, `text` replaces its content. */
static void add_with(dnx_log *log, const char *line, const char *text) {
    const char *cell = column(line, DNX_LOG_VERIFIED);
    if (!cell) {
        add_bytes(log, line, strlen(line));
        return;
    }
    add_bytes(log, line, (size_t)(cell - line));
    add_bytes(log, text, strlen(text));
    cell += strcspn(cell, ",\n");
    add_bytes(log, cell, strlen(cell));
}

/* Returns true when the line's verification is `text`, or when the line has no such column. In the
 * line of titles, lfw of older logs counts as pairs. */
static bool has(const char *line, const char *text) {
    const char *cell = column(line, DNX_LOG_VERIFIED);
    if (cell && !strncmp(cell, "lfw,", 4)) return !strcmp(text, "pairs");
    return !cell || (strcspn(cell, ",\n") == strlen(text) && !strncmp(cell, text, strlen(text)));
}

/* Keeps the lines of the old file up to `batch`. The last kept line becomes waiting text, so that
 * dnx_log_amend() can change it. If the verification column of the file has another title than
 * `title`, and no kept line has a verification, all kept lines become waiting text under the new
 * title. Returns false when such a line has a verification. */
static bool keep(dnx_log *log, uint64_t batch, const char *title) {
    FILE *old = fopen(log->path, "r");
    char *line = NULL, *last = NULL;
    size_t capacity = 0, kept = 0;
    bool is_renamed = false, ok = true;
    for (ssize_t n; ok && old && (n = getline(&line, &capacity, old)) > 0 && line[n - 1] == '\n';) {
        char *end;
        double at = strtod(line, &end);
        if (strlen(line) != (size_t)n || (kept && (end == line || at > (double)batch))) break;
        if (!kept) is_renamed = !has(line, title);
        if (is_renamed) {
            ok = !kept || has(line, "");
            add_with(log, line, kept ? "" : title);
        } else log->file.kept = kept;
        kept += (size_t)n;
        free(last);
        if (!(last = strdup(line))) break;
    }
    if (last && !is_renamed) add_bytes(log, last, strlen(last));
    free(last);
    free(line);
    if (old) fclose(old);
    return ok;
}

dnx_status dnx_log_open(dnx_log *log, const char *path, const dnx_net *net,
                        const char *verification, uint64_t batch, dnx_err *err) {
    *log = (dnx_log){.path = path, .file.fd = -1};
    if (batch && !keep(log, batch, verification))
        return dnx_fail_at(
            err, DNX_EOPTION, path,
            "has the verifications of another judge than %s; -name or -out makes another run",
            verification);
    log->verification = verification;
    if (!log->file.kept && !log->len) {
        add_titles(log, net, verification);
        add(log, "\n");
    }
    return log->text ? DNX_OK : dnx_no_memory(path, err);
}

bool dnx_log_lacks_verification(const dnx_log *log, uint64_t batch) {
    const char *line = dnx_log_last(log), *cell = column(line, DNX_LOG_VERIFIED);
    return cell && *cell == ',' && strtod(line, NULL) == (double)batch;
}

void dnx_log_amend(dnx_log *log, double verified) {
    char *rest = strdup(column(dnx_log_last(log), DNX_LOG_VERIFIED));
    if (!rest) return;
    log->len -= strlen(rest);
    add(log, "%.5f", verified);
    add_bytes(log, rest, strlen(rest));
    free(rest);
}

dnx_status dnx_log_flush(dnx_log *log, dnx_err *err) {
    size_t done;
    dnx_status st = log->file.fd < 0 ? dnx_outfile_try(log->path, err) : DNX_OK;
    if (st) return st;
    st = dnx_growfile_add(&log->file, log->path, log->text, log->len, &done, err);
    while (done && log->text[done - 1] != '\n') done--; /* keeps whole lines */
    log->len -= done;
    memmove(log->text, log->text + done, log->len + 1);
    dnx_status cut = dnx_growfile_keep(&log->file, log->path, done, st ? NULL : err);
    return st ? st : cut;
}

void dnx_log_close(dnx_log *log) {
    if (log->path) dnx_growfile_close(&log->file);
    free(log->text);
    *log = (dnx_log){0};
}
