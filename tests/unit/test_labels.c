/* test_labels.c - dnx_labels_find() finds the same labels in a path as strstr(). */
#include "data/labels.h"
#include "lib/check.h"

int main(void) {
    enum { LABELS = 60, PATHS = 400 };
    char label[LABELS][8], text[LABELS * 8] = "", file[24];
    dnx_labels l = {0};
    dnx_rng r;
    bool same = true;
    int many = 0;
    dnx_rng_seed(&r, 5, 5);
    for (int i = 0; i < LABELS; i++) {
        int n = 1 + (int)(dnx_rng_next(&r) % 5);
        for (int k = 0; k < n; k++) label[i][k] = (char)('a' + dnx_rng_next(&r) % 5);
        label[i][n] = 0;
        strcat(text, label[i]);
        strcat(text, "\n");
    }
    make_folder();
    write_text(path("labels.txt"), text);
    check(!dnx_labels_read(path("labels.txt"), LABELS, &l, NULL) && l.n == LABELS,
          "labels are read");
    for (int p = 0; p < PATHS; p++) {
        int n = (int)(dnx_rng_next(&r) % 6), found[2], want[2] = {-1, -1}, k = 0;
        for (int i = 0; i < n; i++) file[i] = (char)('a' + dnx_rng_next(&r) % 7);
        file[n] = 0;
        for (int i = 0; i < LABELS; i++)
            if (strstr(file, label[i])) {
                if (k < 2) want[k] = i;
                k++;
            }
        if (k > 2) k = 2;
        many += k;
        int got = dnx_labels_find(&l, file, found);
        same = same && got == k && found[0] == want[0] && found[1] == want[1];
    }
    check(same, "labels are found as strstr finds them");
    check(many > 100 && many < 2 * PATHS, "paths have 0, 1 and 2 labels");
    dnx_labels_free(&l);
    return summary();
}
