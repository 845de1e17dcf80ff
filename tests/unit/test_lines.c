/* test_lines.c - the reader of text files: encodings, comments, fields, numbers, messages. */
#include "base/lines.h"
#include "lib/check.h"

/* want: NUMBER:LINE of each line, joined with '|'. */
static void reads(const char *name, const char *text, size_t len, const char *want) {
    dnx_lines l;
    dnx_err err = {0};
    char got[4096] = "";
    dnx_status st = dnx_lines_copy(&l, text, len, "x", "a text", &err);
    if (!check(!st, "%s: %s", name, err.text)) return;
    for (char *line; (line = dnx_lines_next(&l, "#;"));) {
        if (*got) strcat(got, "|");
        sprintf(got + strlen(got), "%d:%s", dnx_lines_at(&l).line, line);
    }
    check(!strcmp(got, want), "%s:\n  expected: %s\n  got:      %s", name, want, got);
    dnx_lines_free(&l);
}

#define READS(name, text, want) reads(name, text, sizeof text - 1, want)

static void test_text(void) {
    READS("nothing", "", "");
    READS("empty lines", "\n \r\n\t\n", "");
    READS("no last end", "a\nb", "1:a|2:b");
    READS("CR LF", "a\r\n\r\nb\r\n", "1:a|3:b");
    READS("CR alone", "a\rb\r\rc", "1:a|2:b|4:c");
    READS("trimmed", "  a b \t\n", "1:a b");
    READS("comments", "# a\n ; b\nc # d\n", "3:c # d");
    READS("a byte order mark",
          "\xef\xbb\xbf"
          "a\nb",
          "1:a|2:b");
    READS("one before a comment", "\xef\xbb\xbf# a\nb", "2:b");
    READS("joined files",
          "\xef\xbb\xbf"
          "a\n\xef\xbb\xbf"
          "b\n",
          "1:a|2:b");
    READS("inside a line it stays", "a\xef\xbb\xbf", "1:a\xef\xbb\xbf");
    READS("only a mark", "\xef\xbb\xbf", "");
    READS("Latin-1", "caf\xe9/\xff.jpg\n", "1:caf\xe9/\xff.jpg");
    READS("UTF-16 LE",
          "\xff\xfe"
          "a\0\xe9\0\r\0\n\0\xac\x20\x3d\xd8\x00\xde",
          "1:a\xc3\xa9|2:\xe2\x82\xac\xf0\x9f\x98\x80");
    READS("UTF-16 BE", "\xfe\xff\0a\0\n\0b", "1:a|2:b");
    READS("UTF-16, a mark again",
          "\xff\xfe"
          "a\0\n\0\xff\xfe"
          "b\0",
          "1:a|2:b");
    READS("UTF-16, nothing", "\xff\xfe", "");
}

static char told[200];
static void tell(const char *file, const char *mark) {
    snprintf(told + strlen(told), sizeof told - strlen(told), "%s: %s|", file, mark);
}

static void test_marks(void) {
    dnx_lines_report_marks(tell);
    // clang-format off
    READS("a mark", "\xef\xbb\xbf" "a\n\xef\xbb\xbf" "b\n", "1:a|2:b");
    READS("UTF-16", "\xff\xfe" "a\0", "1:a");
    READS("none", "a\n\xef\xbb\xbf" "b", "1:a|2:b");
    // clang-format on
    dnx_lines_report_marks(NULL);
    READS("no report",
          "\xef\xbb\xbf"
          "a",
          "1:a");
    check(!strcmp(told, "x: byte order mark|x: byte order mark of UTF-16|"), "told: %s", told);
}

static void refuses(const char *text, size_t len, const char *want) {
    dnx_lines l;
    dnx_err err = {0};
    dnx_status st = dnx_lines_copy(&l, text, len, "x", "a list", &err);
    check(st == DNX_EPARSE && !strcmp(err.text, want), "%s: got %s", want, err.text);
    check(!l.text, "%s: a text is left", want);
}

static void test_refused(void) {
    static char long_line[(2 << 20) + 10];
    memset(long_line, 'a', sizeof long_line);
    long_line[1] = long_line[(1 << 20) + 2] = '\n';
    refuses(long_line, sizeof long_line - 1, "x:3: a line of more than 1 MB");
    reads("a line of 1 MB", long_line, 2, "1:a");
    dnx_lines l;
    check(!dnx_lines_copy(&l, long_line, (1 << 20) + 2, "x", "a list", NULL) && l.count == 2,
          "a line of exactly 1 MB");
    dnx_lines_free(&l);
#define REFUSES(text, want) refuses(text, sizeof text - 1, want)
    REFUSES("a\n\nb\0c\n", "x:3: a NUL byte; a list must be text");
    REFUSES("a\0\n\0", "x:1: a NUL byte; a list must be text");
    REFUSES("\xff\xfe\0\0a\0\0\0", "x:1: a NUL byte; a list must be text"); /* UTF-32 */
    const char *const utf16 = "begins with a byte order mark of UTF-16, but is not such text";
    char want[200];
    sprintf(want, "x:2: %s", utf16);
    REFUSES("\xff\xfe\n\0\0\xd8"
            "a\0",
            want);
    REFUSES("\xff\xfe\n\0\0\xdc"
            "a\0",
            want);
    sprintf(want, "x:1: %s", utf16);
    REFUSES("\xff\xfe"
            "a",
            want);
    REFUSES("\xfe\xff\xd8\x00", want);
}

static void test_files(void) {
    dnx_lines l;
    dnx_err err = {0};
    char want[300];
    write_text(path("a"), "one\ntwo");
    check(!dnx_lines_open(&l, path("a"), "a list", 7, &err) && l.len == 7 && l.count == 2, "%s",
          err.text);
    check(!strcmp(dnx_lines_next(&l, ""), "one"), "a file's line");
    dnx_lines_free(&l);
    check(dnx_lines_open(&l, path("a"), "a list", 6, &err) == DNX_EIO, "a file of 7 bytes");
    snprintf(want, sizeof want, "%s: a list must be at most 0 MB", path("a"));
    check(!strcmp(err.text, want), "%s", err.text);
    err = (dnx_err){0};
    check(dnx_lines_open(&l, "/tmp", "a list", 6, &err) == DNX_EIO &&
              !strcmp(err.text, "/tmp: cannot read: Is a directory"),
          "%s", err.text);
    err = (dnx_err){0};
    check(dnx_lines_open(&l, path("none"), "a list", 6, &err) == DNX_EIO &&
              strstr(err.text, "none: cannot read: No such file or directory"),
          "%s", err.text);
    err = (dnx_err){0};
    check(!dnx_lines_open(&l, "/dev/null", "a list", 6, &err) && !l.count, "%s", err.text);
    dnx_lines_free(&l);
}

static void fields(const char *line, char separator, const char *want) {
    char text[200], got[400] = "", *field[4];
    strcpy(text, line);
    int n = dnx_fields(text, separator, field, 4);
    sprintf(got, "%d", n);
    for (int i = 0; i < n && i < 4; i++) sprintf(got + strlen(got), "|%s", field[i]);
    check(!strcmp(got, want), "fields of '%s': expected %s, got %s", line, want, got);
}

static void test_fields(void) {
    check(dnx_separator("a b,c\td") == '\t' && dnx_separator("a b,c") == ',' &&
              dnx_separator("a b") == ' ',
          "separators");
    fields("a  b\tc", ' ', "3|a|b|c");
    fields("", ' ', "0");
    fields("a b\t c d\t", '\t', "3|a b|c d|");
    fields("a\t\tb", '\t', "3|a||b");
    fields("a, b c ,,d,e", ',', "5|a|b c||d");
    fields("\"a, b\",\"c \"\"d\"\"\",e", ',', "3|a, b|c \"d\"|e");
    fields("\"\",x", ',', "2||x");
    fields(" \"a\" , b\"c", ',', "2|a|b\"c");
    fields("\"a,b", ',', "-1");
    fields("\"a\"b,c", ',', "-1");
    fields("\"a\tb\"", '\t', "2|\"a|b\"");
}

static void comment(const char *line, const char *want) {
    char text[100];
    strcpy(text, line);
    dnx_comment_cut(text);
    check(!strcmp(dnx_trim(text), want), "'%s': got '%s'", line, text);
}

static void test_comments(void) {
    comment("batch=16 # images", "batch=16");
    comment("batch=16\t; images", "batch=16");
    comment("train=a#1/b;c", "train=a#1/b;c");
    comment("train=a#1 #2", "train=a#1");
    comment("[net] # main", "[net]");
}

static void test_numbers(void) {
    static const char *const no[] = {"",    "-",   "+",   "1 ",  " 1", "1x",
                                     "0x1", "1e1", "1.0", "101", "-2", "99999999999999999999",
                                     "--1"};
    long v = 7;
    double d = 7;
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        check(!dnx_whole(no[i], -1, 100, &v), "'%s' is no whole number", no[i]);
    check(dnx_whole("-1", -1, 100, &v) && v == -1, "-1");
    check(dnx_whole("+007", -1, 100, &v) && v == 7, "+007");
    static const char *const none[] = {"", "nan", "inf", "1e999", "0x1", "1 ", ".", "-", "1,5"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        check(!dnx_decimal(none[i], &d), "'%s' is no number", none[i]);
    check(dnx_decimal("-1.5e2", &d) && d == -150, "-1.5e2");
}

int main(void) {
    make_folder();
    test_text();
    test_marks();
    test_refused();
    test_files();
    test_fields();
    test_comments();
    test_numbers();
    return summary();
}
