/* finding_lists.c - the files that `darknet faces` writes at its end, and its printed result. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/paths.h"
#include "cmd/finding.h"
#include "cmd/cmd.h"
#include "face/crop.h"
#include "face/sheet.h"

static dnx_status write_faceless(const dnx_finding *j, size_t *faceless, dnx_err *err) {
    dnx_outfile f;
    char *path = dnx_path_join(j->out, "no-face.txt");
    dnx_status st = path ? dnx_outfile_open(&f, path, err) : dnx_no_memory(j->out, err);
    for (size_t i = 0; !st && i < j->list.n; i++)
        if (!j->list.photo[i].n) {
            fprintf(f.file, "%s\n", j->list.photo[i].path);
            (*faceless)++;
        }
    if (!st && *faceless) st = dnx_outfile_commit(&f, err);
    else if (!st) {
        dnx_outfile_discard(&f);
        unlink(path);
    }
    free(path);
    return st;
}

static dnx_status write_landmarks(const dnx_finding *j, dnx_err *err) {
    dnx_outfile f;
    dnx_status st = dnx_outfile_open(&f, j->a->landmarks, err);
    if (st) return st;
    for (size_t i = 0; i < j->list.n; i++) {
        const dnx_found_photo *p = &j->list.photo[i];
        dnx_found_print_for_align(f.file, p->path, j->list.face + p->first, p->n);
    }
    return dnx_outfile_commit(&f, err);
}

static dnx_status draw_sheet(const dnx_finding *j, dnx_err *err) {
    enum { COLUMNS = 10, MOST = 120 };
    const size_t n = j->list.faces < MOST ? j->list.faces : MOST;
    const size_t rows = n ? (n + COLUMNS - 1) / COLUMNS : 1;
    dnx_image sheet, crop;
    size_t at = 0;
    if (!dnx_sheet_make(&sheet, DNX_CROP * COLUMNS, DNX_CROP * (int)rows))
        return dnx_no_memory(j->out, err);
    for (size_t i = 0; i < j->list.n; i++)
        for (size_t k = 0; k < j->list.photo[i].n && at < MOST; k++, at++) {
            char *name = dnx_finding_crop(j, j->list.photo[i].path, k + 1);
            /* A crop that was removed leaves a gap in the sheet. */
            if (!name || dnx_image_read(name, &crop)) crop.rgb = NULL;
            if (crop.rgb)
                dnx_sheet_paste(&sheet, crop.rgb, crop.w, crop.h, (int)(at % COLUMNS) * DNX_CROP,
                                (int)(at / COLUMNS) * DNX_CROP);
            dnx_image_free(&crop);
            free(name);
        }
    dnx_status st = dnx_sheet_write(&sheet, j->a->sheet, err);
    dnx_image_free(&sheet);
    return st;
}

dnx_status dnx_finding_finish(dnx_finding *j, size_t *faceless, dnx_err *err) {
    char *path = dnx_path_join(j->out, "skipped.txt");
    dnx_status st = path ? dnx_skipped_save(&j->skipped, path, err) : dnx_no_memory(j->out, err);
    free(path);
    dnx_found_sort(&j->list);
    if (!st) st = write_faceless(j, faceless, err);
    if (!st && j->a->landmarks) st = write_landmarks(j, err);
    return !st && j->a->sheet ? draw_sheet(j, err) : st;
}

static void print_times(const dnx_finding *j, bool json) {
    dnx_finding_times sum = {0};
    for (int t = 0; t < j->workers; t++) {
        sum.decode += j->spent[t].decode;
        sum.crop += j->spent[t].crop;
        sum.photos += j->spent[t].photos;
        dnx_mtcnn_times_add(&sum.find, &j->spent[t].find);
    }
    const dnx_mtcnn_times *f = &sum.find;
    const double n = (double)(sum.photos ? sum.photos : 1), ms = 1e-3 * n;
    printf(json ? ", \"ms\": {\"decode\": %.4f, \"halves\": %.4f, \"p\": %.4f, \"r\": %.4f, "
                  "\"o\": %.4f, \"crops\": %.4f}, \"side_by_side\": %d"
                : "ms a photograph: %.2f decode, %.2f halves, %.2f P-Net, %.2f R-Net, %.2f O-Net, "
                  "%.2f crops (%d side by side)\n",
           sum.decode / ms, f->shrink / ms, f->proposals / ms, f->refine / ms, f->output / ms,
           sum.crop / ms, j->workers);
    printf(json ? ", \"pages\": %.6g, \"page\": [%d, %d], \"windows\": [%.6g, %.6g]}\n"
                : "a photograph: P-Net on %.2f pages of at most %d x %d, R-Net on %.1f windows, "
                  "O-Net on %.1f\n",
           (double)f->pages / n, f->page_w, f->page_h, (double)f->windows[0] / n,
           (double)f->windows[1] / n);
}

static void print_json(const dnx_finding *j, size_t all, size_t faceless, double seconds) {
    printf("{\"%s\": %zu, \"new\": %zu, \"faces\": %zu, \"without_face\": %zu, \"skipped\": %zu, "
           "\"seconds\": %.3f, \"out\": ",
           j->video ? "frames" : "photographs", all, j->processed, j->list.faces, faceless,
           j->skipped.n, seconds);
    dnx_json_text(j->out);
    print_times(j, true);
}

void dnx_finding_print(const dnx_finding *j, size_t faceless, double seconds) {
    const size_t all = j->video ? j->seen : j->images.n;
    if (j->a->json) {
        print_json(j, all, faceless, seconds);
        return;
    }
    printf("%zu %s, %zu new: %zu %s; %zu without a face, %zu skipped, %.1f s; the crops are in "
           "%s\n",
           all,
           j->video ? dnx_plural(all, "frame", "frames")
                    : dnx_plural(all, "photograph", "photographs"),
           j->processed, j->list.faces, dnx_plural(j->list.faces, "face", "faces"), faceless,
           j->skipped.n, seconds, j->out);
    if (j->a->time) print_times(j, false);
}
