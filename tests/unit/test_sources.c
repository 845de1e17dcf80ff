/* test_sources.c - class numbers of folders and record files when valid= lists several sources. */
#include <sys/stat.h>

#include "data/data.h"
#include "lib/check.h"

static void make_folders(const char *top, int identities, int with_images) {
    char name[64];
    mkdir(top, 0777);
    for (int c = 0; c < identities; c++) {
        snprintf(name, sizeof name, "%s/%d", top, c);
        mkdir(name, 0777);
        snprintf(name, sizeof name, "%s/%d/0.jpg", top, c);
        if (c < with_images) write_text(name, "unread");
    }
}

/* Writes NAME.rec and NAME.idx with a record of each class 0 to n - 1. */
static void write_records(const char *name, int n) {
    char file[64];
    snprintf(file, sizeof file, "%s.rec", name);
    FILE *rec = fopen(file, "wb");
    snprintf(file, sizeof file, "%s.idx", name);
    FILE *index = fopen(file, "wb");
    must(rec && index, "cannot write records");
    for (int i = 0; i < n; i++) {
        const char image[4] = "\xff\xd8\xff";
        const uint32_t head[] = {0xced7230a, 24 + sizeof image, 0};
        const float label = (float)i;
        fprintf(index, "%d\t%ld\n", i, ftell(rec));
        fwrite(head, sizeof head, 1, rec);
        fwrite(&label, sizeof label, 1, rec);
        fwrite((uint64_t[]){(uint64_t)i, 0}, 16, 1, rec);
        fwrite(image, sizeof image, 1, rec);
    }
    fclose(rec);
    fclose(index);
}

/* Opens the sources of valid= with this number of classes. The first image of the last source must
 * have the class `want`. */
static void opens(const char *valid, int classes, int want) {
    char text[100];
    dnx_data *d = NULL;
    dnx_err err = {0};
    snprintf(text, sizeof text, "classes=%d\nvalid=%s\n", classes, valid);
    write_text("t.data", text);
    dnx_status st = dnx_data_open_valid("t.data", NULL, NULL, &d, &err);
    check(!st, "%s, %d classes: %s", valid, classes, err.text);
    if (!st) {
        int got = d->class_of[d->source[d->sources - 1].first];
        check(got == want, "%s: class %d", valid, got);
    }
    dnx_data_close(d);
}

static void fails(const char *valid, int classes, const char *said) {
    char text[200];
    dnx_data *d = NULL;
    dnx_err err = {0};
    snprintf(text, sizeof text, "classes=%d\nvalid=%s\n", classes, valid);
    write_text("t.data", text);
    dnx_status st = dnx_data_open_valid("t.data", NULL, NULL, &d, &err);
    check(st == DNX_EOPTION && !strcmp(err.text, said), "%s: %s", valid, err.text);
    dnx_data_close(d);
}

/* valid= must be refused with one more class than the `there` classes of its sources. */
static void refuses(const char *valid, int there) {
    char text[200];
    snprintf(text, sizeof text,
             "t.data:2: [data] valid=%s: identity folders of %d of %d classes: a folder's rank is "
             "its class, so make empty ones for the others",
             valid, there, there + 1);
    fails(valid, there + 1, text);
}

/* A property file states more classes than the records have: the class numbers of the next source
 * begin after all of them. */
static void test_property(void) {
    mkdir("insight", 0777);
    write_records("insight/train", 2);
    write_text("insight/property", "4,112,112\n");
    opens("insight,full", 7, 4);
    opens("insight/train.rec,full", 7, 4);
    opens("full,insight,full", 10, 7);
    opens("insight,insight", 8, 4);
    opens("full,insight", 7, 3);
    opens("insight", 9, 0);
    refuses("full,insight", 7);
    fails("insight", 3, "t.data:1: [data] classes=3: insight/property says that there are 4");
    fails("full,insight", 6,
          "t.data:1: [data] classes=6: insight/property says that there are 4, and the sources "
          "before it have 3");
    write_text("insight/property", "1,112,112\n");
    fails("insight", 3,
          "insight/train.rec: record at byte 36: class 1: must be from 0 to 0, as the property "
          "file says (valid= of t.data:2)");
}

int main(void) {
    make_folder();
    must(!chdir(folder), "chdir");
    make_folders("full", 3, 3);
    make_folders("some", 3, 2); /* the last folder is empty */
    write_records("two", 2);
    write_text("tail.txt", "full/0/0.jpg 4\nfull/1/0.jpg 1\n");
    static const struct {
        const char *valid;
        int classes, first;
    } rows[] = {{"full", 3, 0},          {"some", 3, 0},
                {"full,full", 6, 3},     {"some,full", 6, 3},
                {"full,some", 6, 3},     {"some,some,full", 9, 6},
                {"full,two.rec", 5, 3},  {"some,two.rec", 5, 3},
                {"two.rec,some", 5, 2},  {"two.rec,two.rec", 4, 2},
                {"full,tail.txt", 5, 4}, {"full,tail.txt,some", 8, 5}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        opens(rows[i].valid, rows[i].classes, rows[i].first);
        if (strpbrk(rows[i].valid, "fs")) refuses(rows[i].valid, rows[i].classes);
    }
    test_property();
    opens("two.rec", 5, 0); /* not every class needs a record */
    return summary();
}
