/* test_pairs.c - lists of pairs: formats, folds, messages, and finding the images. */
#include <sys/stat.h>

#include "face/pairs.h"
#include "lib/check.h"

static dnx_status open_text(const char *text, size_t len, dnx_pairs *p, dnx_err *err) {
    FILE *f = fopen(path("x"), "wb");
    check(f && fwrite(text, 1, len, f) == len && !fclose(f), "writes");
    return dnx_pairs_open(path("x"), p, err);
}

/* want: NAME NAME SF of each pair (S: same; F: fold), joined with '|', or the error. */
static void reads(const char *text, size_t len, const char *want) {
    dnx_pairs p;
    dnx_err err = {0};
    char got[4096] = "";
    dnx_status st = open_text(text, len, &p, &err);
    for (size_t i = 0; !st && i < p.n; i++)
        sprintf(got + strlen(got), "%s%s %s %d%d", i ? "|" : "", p.pair[i].name[0],
                p.pair[i].name[1], p.pair[i].same, p.pair[i].fold);
    if (st) snprintf(got, sizeof got, "%s", err.text + strlen(path("")));
    check(!strcmp(got, want), "'%.60s':\n  expected: %s\n  got:      %s", text, want, got);
    dnx_pairs_free(&p);
}

#define READS(text, want) reads(text, sizeof text - 1, want)
#define TWO "a.jpg b.jpg 10|c.jpg d.jpg 00"

static void test_lfw(void) {
    const char *const four = "A/A_0001 A/A_0002 10|A/A_0001 B/B_0012 00|"
                             "C/C_0001 C/C_0002 11|A/A_0003 D/D_0001 01";
    READS("2\t1\nA\t1\t2\nA\t1\tB\t12\nC\t1\t2\nA\t3\tD\t1\n", four);
    READS("\xef\xbb\xbf"
          "2 1\r\nA 1 2\r\nA 1 B 12\r\nC 1 2\r\nA 3 D 1",
          four);
    READS("A 1 2\nA 1 B 12\nC 1 2\nA 3 D 1\n", four); /* without the line of counts */
    /* Each fold must have pairs of one person and of two people, even when the list is sorted. */
    READS("2 1\nA 1 2\nC 1 2\nA 1 B 12\nA 3 D 1\n",
          "A/A_0001 A/A_0002 10|C/C_0001 C/C_0002 11|A/A_0001 B/B_0012 00|A/A_0003 D/D_0001 01");
    /* the CSV form of LFW's pairs on Kaggle */
    READS("name,imagenum1,imagenum2,\nA,1,2,\nA,1,B,12\nC,1,2,\nA,3,D,1\n", four);
    READS("1\nA 1 2\nA 1 B 12", "A/A_0001 A/A_0002 10|A/A_0001 B/B_0012 00");
    READS("Al Gore\t1\t2\nAl Gore\t1\tB\t3", "Al Gore/Al Gore_0001 Al Gore/Al Gore_0002 10|"
                                             "Al Gore/Al Gore_0001 B/B_0003 00");
    READS("001 1 2\n001 1 002 12", "001/001_0001 001/001_0002 10|001/001_0001 002/002_0012 00");
}

static void test_others(void) {
    READS("a.jpg b.jpg 1\nc.jpg d.jpg 0", TWO);
    READS("a.jpg,b.jpg,True\nc.jpg,d.jpg,False", TWO);
    READS("a.jpg\tb.jpg\t1\nc.jpg\td.jpg\t-1", TWO);
    READS("1 a.jpg b.jpg\n0 c.jpg d.jpg", TWO);
    READS("a.jpg b.jpg 1 7\nc.jpg d.jpg 0 3\ne f 1 7", "a.jpg b.jpg 11|c.jpg d.jpg 00|e f 11");
    READS("a.jpg 5\nb.jpg 5\nc.jpg 0\nd.jpg 0\n", TWO); /* as in CALFW: two lines are a pair */
    READS("pair_id,image1,image2,label\n0,a.jpg,b.jpg,1\n1,c.jpg,d.jpg,0", TWO);
    READS(",img1,img2,is_same\n0,\"a.jpg\",b.jpg,True\n1,c.jpg,d.jpg,False", TWO);
    READS("label\tfold\tfirst\tsecond\n1\t5\ta.jpg\tb.jpg\n0\t4\tc.jpg\td.jpg",
          "a.jpg b.jpg 11|c.jpg d.jpg 00");
    READS("image1,image2,same\n1,2,1\n1,3,0", "1 2 10|1 3 00");
    READS("a\xe9.jpg b.jpg 1\nc d 0", "a\xe9.jpg b.jpg 10|c d 00");
}

static void test_refused(void) {
    char want[400];
    const char *const form = "must be `NAME i j` or `NAME i OTHER j`, `IMAGE IMAGE 0|1`, or "
                             "`IMAGE 0|1` twice";
    READS("", "x: no pairs");
    READS("10 300\n", "x: 0 pairs of one person and 0 of two, but the first line promises 10 folds "
                      "of 300 and 300");
    READS("0 1\n", "x:1: must be `folds pairs`, as in LFW's pairs.txt");
    READS("10 0\n", "x:1: must be `folds pairs`, as in LFW's pairs.txt");
    READS("-3\n", "x:1: must be `folds pairs`, as in LFW's pairs.txt");
    READS("10000 10000000\nA 1 2\nA 1 B 1",
          "x: 1 pairs of one person and 1 of two, but the first line promises 10000 folds of "
          "10000000 and 10000000");
    READS("1 2\nA 1 2\nA 1 3\nA 2 3\nA 1 B 1",
          "x: 3 pairs of one person and 1 of two, but the first line promises 1 folds of 2 and 2");
    sprintf(want, "x:1: %s", form);
    READS("99999999999 99999999999\n", want);
    READS("nonsense\n", want);
    sprintf(want, "x:2: %s", form);
    READS("1 1\nnonsense\n", want);
    READS("A 1 2\nA 1 99999999999\n", want);
    READS("A 1 2\nA -1 2\n", want);
    READS("A 1 2\nA 1 B -2147483648\n", want);
    READS("a,b,1\na,,0\n", want);
    READS("A 1 2\na.jpg b.jpg 0", "x:2: another form than the lines before");
    READS("A 1 2\nC 1 2\n", "x: no pair of two persons");
    READS("a b 0\nc d 0\n", "x: no pair of one person");
    READS("a.jpg 1\nb.jpg 0\n", "x:2: 0, but the first image of this pair has 1");
    READS("a.jpg 1\nb.jpg 1\nc.jpg 0\n", "x: the last pair has one image");
    READS("1 2 1\n1 3 0\n", "x: could be `NAME i j` or `IMAGE IMAGE 0|1`; put "
                            "`image1,image2,same` in front");
    READS("pair_id,image1,label\n", "x:1: names 1 columns of images and 1 that tell whether they "
                                    "are the same person: must be 2 and 1");
    READS("img1,img2,same\na,b,2\n", "x:2: '2': must be 0 or 1");
    READS("img1,img2,same\na,,1\n", "x:2: column 2 is empty");
    READS("img1,img2,same\na,b,1,c\n", "x:2: 4 fields in a table of 3 columns");
    READS("img1,img2,same,fold\na,b,1,x\n", "x:2: 'x': must be the number of a fold");
    READS("\"a,b,1\n", "x:1: a quote that does not end with its field");
    READS("a b 1\nc\0d e 0", "x:2: a NUL byte; a list of pairs must be text");
}

static void test_folds(void) {
    char text[8192] = "";
    for (int i = 0; i < 60; i++) sprintf(text + strlen(text), "a%d b %d\n", i, i < 40);
    dnx_pairs p;
    check(!open_text(text, strlen(text), &p, NULL) && p.folds == 10, "ten folds");
    bool ok = true;
    for (size_t i = 0; i < p.n; i++)
        ok = ok && p.pair[i].fold == (int)(i < 40 ? i / 4 : (i - 40) / 2);
    check(ok, "a tenth of either kind in each");
    dnx_pairs_free(&p);
}

static void found(const char *name, const char *want) {
    char *got;
    check(dnx_pairs_find(path(""), name, &got), "memory");
    const char *end = got ? got + strlen(path("")) : "";
    while (*end == '/') end++;
    check(!strcmp(end, want), "%s: found '%s'", name, end);
    free(got);
}

static void test_images(void) {
    mkdir(path("A"), 0777);
    write_text(path("A/A_0001.png"), "");
    write_text(path("A_0002.JPG"), "");
    write_text(path("whole.jpg"), "");
    found("A/A_0001", "A/A_0001.png");
    found("A/A_0002", "A_0002.JPG");
    found("whole.jpg", "whole.jpg");
    found("other/whole.jpg", "whole.jpg");
    found("A", "");
    found("gone", "");
}

int main(void) {
    make_folder();
    test_lfw();
    test_others();
    test_refused();
    test_folds();
    test_images();
    return summary();
}
