/* test_binset.c - verification sets: each pickle protocol, each error, cut and changed files. */
#include "data/binset.h"
#include "lib/check.h"

static dnx_status open_bytes(const void *bytes, size_t n, dnx_binset *s, dnx_err *err) {
    *err = (dnx_err){0};
    write_bytes(path("set.bin"), bytes, n);
    return dnx_binset_open(path("set.bin"), s, err);
}

/* Sets of the images "ab", 300 times 'x', "ab", "c", as Python pickles them in protocols 2, 3 and
 * 4. The second pair shows one person. */
#define X10 "xxxxxxxxxx"
#define X300                                                                                       \
    X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10    \
        X10 X10 X10 X10 X10 X10 X10
static const char two[] = "\x80\2]q\1(U\2abq\2T\x2c\1\0\0" X300 "q\3h\2U\1cq\4e]q\5(\x89\x88"
                          "e\x86q\6.";
static const char three[] = "\x80\3]q\0(C\2abq\1B\x2c\1\0\0" X300 "q\2h\1C\1cq\3e]q\4(\x89\x88"
                            "e\x86q\5.";
static const char four[] = "\x80\4\x95\x47\1\0\0\0\0\0\0]\x94(C\2ab\x94"
                           "B\x2c\1\0\0" X300 "\x94h\1C\1c\x94"
                           "e]\x94(\x89\x88"
                           "e\x86\x94.";
/* The same set as four[] in another form of pickle: numbers instead of booleans, each value
 * appended alone, long lengths and long memo indices. */
static const char other[] = "\x80\5]r\0\0\0\0C\2aba\x8e\x2c\1\0\0\0\0\0\0" X300
                            "aC\2abaC\1ca]K\0aK\1a\x86.";

static void test_protocols(void) {
    const struct {
        const char *bytes;
        size_t n;
    } good[] = {{two, sizeof two - 1},
                {three, sizeof three - 1},
                {four, sizeof four - 1},
                {other, sizeof other - 1}};
    static const char *const image[] = {"ab", X300, "ab", "c"};
    for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
        dnx_binset s;
        dnx_err err;
        dnx_status st = open_bytes(good[k].bytes, good[k].n, &s, &err);
        bool ok = !st && s.n == 4 && !s.same[0] && s.same[1];
        for (size_t i = 0; ok && i < 4; i++)
            ok = s.image[i].n == strlen(image[i]) &&
                 !memcmp(s.image[i].bytes, image[i], s.image[i].n);
        check(ok, "form %zu: %s", k, err.text);
        dnx_binset_close(&s);
        for (size_t n = 0; n < good[k].n; n++) {
            st = open_bytes(good[k].bytes, n, &s, &err);
            check(st == DNX_EPARSE && err.text[0], "form %zu cut at %zu", k, n);
            dnx_binset_close(&s);
        }
    }
}

/* A file with one changed byte is either refused, or every pair of it can be read. The sum reads
 * all bytes, so that a sanitizer detects reads outside the file. */
static void test_changed_bytes(void) {
    char bytes[sizeof four];
    int sound = 0, refused = 0;
    for (size_t at = 0; at < sizeof four - 1; at += at == 30 ? 290 : 1)
        for (int v = 0; v < 256; v += 3) {
            dnx_binset s;
            dnx_err err;
            memcpy(bytes, four, sizeof four);
            bytes[at] = (char)v;
            dnx_status st = open_bytes(bytes, sizeof four - 1, &s, &err);
            size_t sum = 0;
            for (size_t i = 0; i < s.n; i++)
                for (size_t k = 0; k < s.image[i].n; k++) sum += s.image[i].bytes[k];
            bool ok = st ? s.n == 0 && err.text[0] : s.n >= 2 && sum > 0;
            if (!ok) check(false, "byte %zu = %d: %s", at, v, err.text);
            sound += !st;
            refused += st != DNX_OK;
            dnx_binset_close(&s);
        }
    check(sound > 100 && refused > 1000, "%d sound, %d refused", sound, refused);
}

static void test_errors(void) {
#define BYTES(s) s, sizeof s - 1
    // clang-format off
    const struct {
        const char *bytes;
        size_t n;
        const char *want;
    } bad[] = {
        {BYTES("JUNK"), "no verification set: it does not begin as a pickle of lists"},
        {BYTES("\x80\1."), "pickle protocol 1: 0 to 5 are read"},
        {BYTES("\x80\6."), "pickle protocol 6: 0 to 5 are read"},
        {BYTES("\x80\4]"), "byte 3: the file is cut short"},
        {BYTES("\x80\4]C"), "byte 3: the file is cut short"},
        {BYTES("\x80\4]C\7abc"), "byte 3: the file is cut short, or a length in it is wrong"},
        {BYTES("\x80\4\x8e\xff\xff\xff\xff\xff\xff\xff\xff" "abc"),
         "byte 2: the file is cut short, or a length in it is wrong"},
        {BYTES("\x80\2cos\nsystem\n"),
         "byte 2: names a class or a function: refused, a set has none"},
        {BYTES("\x80\4\x8c\2os\x8c\6system\x93"),
         "byte 14: names a class or a function: refused, a set has none"},
        {BYTES("\x80\4)R."), "byte 3: calls nothing"},
        {BYTES("\x80\4))R."), "byte 4: a call with other values than Python's or NumPy's"},
        {BYTES("\x80\4}."), "byte 2: opcode 0x7d, which no verification set has"},
        {BYTES("\x80\4\0."), "byte 2: opcode 0x00, which no verification set has"},
        {BYTES("\x80\4]r\xff\xff\xff\xff."), "byte 3: a memo that does not count up"},
        {BYTES("\x80\4\x94."), "byte 2: a memo that does not count up"},
        {BYTES("\x80\4]h\0."), "byte 3: recalls a value that was never kept"},
        {BYTES("\x80\4]]]."), "byte 5: the pickle is not one value"},
        {BYTES("\x80\4" "a"), "byte 2: appends to something that is not a list"},
        {BYTES("\x80\4\x88\x88" "a"), "byte 4: appends to something that is not a list"},
        {BYTES("\x80\4(\x88" "e"), "byte 4: appends to something that is not a list"},
        {BYTES("\x80\4]\x88" "e"), "byte 4: no mark"},
        {BYTES("\x80\4]]a."), "must be a pair of lists: images, and whether a pair is the same"},
        {BYTES("\x80\4](\x8c\1xC\1ye]\x88" "a\x86."),
         "image 0: must be bytes of an image file"},
        {BYTES("\x80\4]((e(e"), "byte 5: appends to something that is not a list"},
        {BYTES("\x80\4](C\1aC\1be]K\2a\x86."),
         "pair 0: must be True or False"},
        {BYTES("\x80\4]\x86."), "byte 3: a tuple of more than there is"},
        {BYTES("\x80\4]\x88\x86."),
         "must be a pair of lists: images, and whether a pair is the same"},
        {BYTES("\x80\4]."), "must be a pair of lists: images, and whether a pair is the same"},
        {BYTES("\x80\4."), "byte 2: the pickle is not one value"},
        {BYTES("\x80\4]]]\x87."),
         "must be a pair of lists: images, and whether a pair is the same"},
        {BYTES("\x80\4]]\x86\x88."),
         "byte 6: the pickle is not one value"},
        {BYTES("\x80\4]]\x86."), "0 images for 0 pairs: must be two a pair"},
        {BYTES("\x80\4]\x94h\0\x86."), "0 images for 0 pairs: must be two a pair"},
        {BYTES("\x80\4](C\1aC\1be](\x88\x88" "e\x86."), "2 images for 2 pairs: must be two a pair"},
        {BYTES("\x80\4](C\1aC\0e]\x88" "a\x86."), "image 1: is empty"},
        {BYTES("\x80\4](\x88\x88" "e]\x88" "a\x86."),
         "image 0: must be bytes of an image file"},
        {BYTES("\x80\4](C\1aC\1be]C\1ca\x86."), "pair 0: must be True or False"},
        {BYTES("(lp0\nS'\\q'\n"), "byte 5: an escape that no text of Python has"},
        {BYTES("(lp0\nSa'\n"), "byte 5: a text without its quotes"},
        {BYTES("(lp0\nI1x\n"), "byte 5: no number that a set has"},
        {BYTES("\x80\2cnumpy\ndtype\nU\2f4\x85R."),
         "byte 20: an array of neither bytes nor whole numbers"},
        {BYTES("\x80\2cnumpy.core.multiarray\n_reconstruct\n)R."),
         "byte 39: a call with other values than Python's or NumPy's"},
        {BYTES("\x80\2]]b."), "byte 4: an array that NumPy would not write"},
    };
    // clang-format on
    dnx_binset s;
    dnx_err err = {0};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        char want[256];
        dnx_status st = open_bytes(bad[k].bytes, bad[k].n, &s, &err);
        snprintf(want, sizeof want, "%s: %s", path("set.bin"), bad[k].want);
        check(st == DNX_EPARSE && !strcmp(err.text, want), "%s\n   got %s", want, err.text);
        dnx_binset_close(&s);
    }
    err = (dnx_err){0};
    check(dnx_binset_open("/tmp/test_binset_none/x.bin", &s, &err) == DNX_EIO &&
              strstr(err.text, "x.bin: cannot read: No such file"),
          "%s", err.text);
    dnx_binset_close(&s);
}

int main(void) {
    make_folder();
    test_protocols();
    test_changed_bytes();
    test_errors();
    return summary();
}
