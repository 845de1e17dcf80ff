#include "train/log.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LFW = 7 }; /* its column, from 0 */

/* The number in column `column` of a line, or `none`. */
static double number(const char *line, int column, double none) {
    for (; column > 0; column--) {
        line = strchr(line, ',');
        if (!line) return none;
        line++;
    }
    char *end;
    double v = strtod(line, &end);
    return end == line ? none : v;
}

/* How many bytes of the old log stay. */
static size_t keep(dnx_log *log, uint64_t batch) {
    FILE *old = fopen(log->path, "r");
    char *text = NULL;
    size_t room = 0, kept = 0;
    for (ssize_t n; old && (n = getline(&text, &room, old)) > 0 && text[n - 1] == '\n';) {
        double at = number(text, 0, -1);
        if (kept && (at < 0 || at > (double)batch)) break;
        log->best = fmax(log->best, kept ? number(text, LFW, -1) : -1);
        kept += (size_t)n;
    }
    free(text);
    if (old) fclose(old);
    return kept;
}

dnx_status dnx_log_open(dnx_log *log, char *path, const dnx_net *net, uint64_t batch,
                        dnx_err *err) {
    *log = (dnx_log){NULL, path, -1};
    size_t kept = batch ? keep(log, batch) : 0;
    if (kept && truncate(path, (off_t)kept))
        return dnx_fail(err, DNX_EIO, (dnx_loc){path, 0}, "cannot shorten: %s", strerror(errno));
    log->file = fopen(path, kept ? "a" : "w");
    if (!log->file)
        return dnx_fail(err, DNX_EIO, (dnx_loc){path, 0}, "cannot write: %s", strerror(errno));
    if (kept) return DNX_OK;
    fputs("batch,epoch,loss,rate,images_per_second,wait,accuracy,lfw,exclusivity,gradient",
          log->file);
    for (int i = 0; i < net->n; i++)
        if (net->nodes[i].type->is_loss)
            fprintf(log->file, ",%s_%d", net->nodes[i].type->name, i);
    fputc('\n', log->file);
    return DNX_OK;
}

static void value(FILE *f, const char *format, double v) {
    fputc(',', f);
    if (!isnan(v)) fprintf(f, format, v);
}

void dnx_log_write(dnx_log *log, const dnx_net *net, const dnx_log_line *l) {
    FILE *f = log->file;
    fprintf(f, "%llu,%.4f,%.9g,%.9g,%.1f,%.4f", (unsigned long long)l->batch, l->epoch, l->loss,
            l->rate, l->speed, l->wait);
    value(f, "%.4f", l->accuracy);
    value(f, "%.5f", l->lfw);
    value(f, "%.6g", l->exclusivity);
    value(f, "%.6g", l->gradient);
    for (int i = 0; i < net->n; i++)
        if (net->nodes[i].type->is_loss) value(f, "%.9g", l->losses[i]);
    fputc('\n', f);
    if (!isnan(l->lfw)) log->best = fmax(log->best, l->lfw);
}

dnx_status dnx_log_flush(dnx_log *log, dnx_err *err) {
    if (!fflush(log->file) && !ferror(log->file)) return DNX_OK;
    return dnx_fail(err, DNX_EIO, (dnx_loc){log->path, 0}, "cannot write: %s", strerror(errno));
}

dnx_status dnx_log_close(dnx_log *log, dnx_err *err) {
    dnx_status st = DNX_OK;
    if (log->file && fclose(log->file))
        st = dnx_fail(err, DNX_EIO, (dnx_loc){log->path, 0}, "cannot write: %s", strerror(errno));
    free(log->path);
    *log = (dnx_log){0};
    return st;
}
