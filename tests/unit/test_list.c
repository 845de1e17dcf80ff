/* test_list.c - the formats of a list of images, and each message. */
#include <sys/stat.h>

#include "data/list.h"
#include "lib/check.h"

/* want: PATH=CLASS of each image, joined with '|', or the error message. In `want`, LIST stands for
 * the list's folder. */
static void reads(const char *text, size_t len, const char *want) {
    dnx_image_list l;
    dnx_err err = {0};
    char got[2048] = "", file[300];
    snprintf(file, sizeof file, "%s", path("list"));
    dnx_status st = dnx_image_list_copy(text, len, file, &l, &err);
    if (!st) st = dnx_image_list_check(&l, &err);
    for (size_t i = 0; !st && i < l.n; i++) {
        char *full = dnx_image_list_path(&l, i);
        const char *shown = !strncmp(full, path(""), strlen(path(""))) ? "LIST/" : "";
        sprintf(got + strlen(got), "%s%s%s", i ? "|" : "", shown,
                *shown ? full + strlen(path("")) : full);
        if (!isnan(l.image[i].class_of)) sprintf(got + strlen(got), "=%g", l.image[i].class_of);
        free(full);
    }
    if (st) snprintf(got, sizeof got, "%s", err.text + strlen(file));
    check(!strcmp(got, want), "'%.60s':\n  expected: %s\n  got:      %s", text, want, got);
    dnx_image_list_free(&l);
}

#define READS(text, want) reads(text, sizeof text - 1, want)

static void test_forms(void) {
    READS("a.jpg\nb.JPG 3\n\n  c d.png\t4\r\n", "a.jpg|b.JPG=3|c d.png=4");
    READS("\xef\xbb\xbf"
          "a.jpg 1\n\xef\xbb\xbf"
          "b.jpg 2",
          "a.jpg=1|b.jpg=2");
    READS("\xff\xfe"
          "a\0.\0j\0p\0g\0 \0"
          "5\0",
          "a.jpg=5");
    READS("caf\xe9.jpg 1", "caf\xe9.jpg=1");
    READS("a b c.jpg 007\n/x/y.png 0", "a b c.jpg=7|/x/y.png=0");
    READS("a.jpg -1", "a.jpg=-1");
    READS("a.jpg, 3\nb,c.jpg,4\nd,e.jpg 5", "a.jpg=3|b,c.jpg=4|d,e.jpg=5");
    READS("\"a, \"\"b\"\".jpg\",3\n\"c.jpg\"", "a, \"b\".jpg=3|c.jpg");
    READS("path,label\na.jpg,3", "a.jpg=3");
    READS("Label\tImage\n3\ta.jpg", "a.jpg=3");
    READS("a.jpg,3\npath,label", "a.jpg=3|path,label");
    READS("3\ta b.jpg\n7\t3", "a b.jpg=3|7=3");
    READS("0\t3.000000\ta b.jpg\n1\t2\tb.jpg", "a b.jpg=3|b.jpg=2");
    READS("1\ta b.jpg\t3\n1\tc.jpg\t4\t1.5\t2\t3\t4", "a b.jpg=3|c.jpg=4");
    READS("1\ta.jpg\t3\t1\t2\t3\t4\t1\t2\t3\t4\t5\t6\t7\t8\t9\t10", "a.jpg=3");
    READS("gone 007", "gone=7");
    READS("", "");
}

static void test_refused(void) {
    const char *const form = "fields between tabs: must be PATH CLASS, CLASS PATH, 1 PATH CLASS "
                             "or INDEX CLASS PATH";
    char want[300];
    READS("a.jpg 1\n0\tb.jpg\t3", ":2: 0 b.jpg: its face is not cut out; do so by "
                                  "`darknet align`");
    sprintf(want, ":1: 2 %s", form);
    READS("a.jpg\tb", want);
    sprintf(want, ":2: 3 %s", form);
    READS("a.jpg\n1\t2\t3", want);
    READS("a.jpg\n2\ta.jpg\t3", want);
    sprintf(want, ":1: 4 %s", form);
    READS("1\ta.jpg\t3\t4", want);
    READS("\"a.jpg", ":1: a quote that does not end with its field");
    READS("\"\",3", ":1: must be PATH or PATH,CLASS");
    READS("\"a.jpg\",x", ":1: must be PATH or PATH,CLASS");
    READS("a.jpg 1\nb.jpg 1\na.jpg 2", ":3: a.jpg: has class 2, but class 1 on line 1");
    READS("a.jpg 1\na.jpg\na.jpg 2", ":3: a.jpg: has class 2, but class 1 on line 1");
    READS("a.jpg 1\na.jpg 1\na.jpg", "a.jpg=1|a.jpg=1|a.jpg");
    READS("a.jpg\nb\0.jpg", ":2: a NUL byte; a list must be text");
}

/* Existing files decide whether the line `a b 7` is a path, or the path `a b` with class 7. */
static void test_disk(void) {
    write_text(path("whole 7"), "");
    write_text(path("part"), "");
    READS("whole 7\npart 7\nneither 7\nlast.jpg 8",
          "LIST/whole 7|LIST/part=7|LIST/neither=7|LIST/last.jpg=8");
    write_text(path("both"), "");
    write_text(path("both 7"), "");
    READS("part 1\nboth 7", ":2: both 7: with and without its last word it is a file; write a "
                            "tab before a class");
    READS("both\t7", "LIST/both=7");
    mkdir(path("folder 7"), 0777);
    READS("part\nfolder 7", "LIST/part|LIST/folder=7");
    /* The first path that exists decides where all paths start: Makefile is in the current folder,
     * part is in the list's folder. */
    READS("Makefile 1\npart 2", "Makefile=1|part=2");
    READS("none.jpg 1\npart 2\nMakefile 3", "LIST/none.jpg=1|LIST/part=2|LIST/Makefile=3");
}

int main(void) {
    make_folder();
    test_forms();
    test_refused();
    test_disk();
    return summary();
}
