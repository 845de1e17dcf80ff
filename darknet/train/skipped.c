/* skipped.c - keeps NAME.skipped: every image and file that training skipped, with the reason. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/inputs.h"
#include "base/lines.h"
#include "base/paths.h"
#include "train/job.h"

void dnx_train_skip(dnx_train_job *j, const char *line) {
    for (size_t i = 0; i < j->skipped.n; i++)
        if (!strcmp(j->skipped.line[i], line)) return;
    dnx_skipped_add_line(&j->skipped, line); /* without memory, NAME.skipped lacks this line */
}

void dnx_train_read_skipped(dnx_train_job *j) {
    dnx_lines l;
    const size_t n = j->skipped.n, mark = dnx_inputs_mark();
    char **known = malloc(sizeof *known * (n + 1));
    if (!known) return;
    if (n) memcpy(known, j->skipped.line, sizeof *known * n);
    qsort(known, n, sizeof *known, dnx_by_text);
    if (!dnx_lines_open(&l, j->skipped_file, "a list of skipped images", 1 << 30, NULL)) {
        for (char *line; (line = dnx_lines_next(&l, ""));)
            if (!n || !bsearch(&line, known, n, sizeof *known, dnx_by_text))
                dnx_skipped_add_line(&j->skipped, line);
        dnx_lines_free(&l);
    }
    dnx_inputs_rewind(mark); /* takes the file off the list of inputs: this run may replace it */
    free(known);
}

dnx_status dnx_train_save_skipped(dnx_train_job *j, dnx_err *err) {
    if (j->skipped_saved == j->skipped.n) return DNX_OK;
    dnx_status st = dnx_skipped_save(&j->skipped, j->skipped_file, err);
    if (!st) j->skipped_saved = j->skipped.n;
    return st;
}
