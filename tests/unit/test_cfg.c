/* test_cfg.c - the cfg parser, option tables and errors. */
#include <errno.h>
#include <limits.h>

#include "base/inputs.h"
#include "base/lines.h"
#include "lib/check.h"
#include "lib/failing_memory.h"
#include "net/opts.h"

static void expect(bool ok, const char *name, const char *got) {
    check(ok, "%s: got '%s'", name, got);
}

static void same(const char *want, const char *got, const char *name) {
    expect(got && strcmp(want, got) == 0, name, got ? got : "(null)");
}

typedef struct {
    int size, stride, kind;
    float rate;
    char *path, *mode;
    dnx_list steps;
} opts;
static const dnx_opt table[] = {
    DNX_OPT_INT(opts, size, 3, 1, 31, "side of the filter"),
    DNX_OPT_INT(opts, stride, 1, 1, 8, "step"),
    DNX_OPT_FLOAT(opts, rate, .5, 0, .9, "share"),
    DNX_OPT_WORD(opts, kind, 1, "linear|relu|leaky", "activation"),
    DNX_OPT_STRING(opts, path, NULL, "file"),
    DNX_OPT_STRING(opts, mode, "fast", "mode"),
    DNX_OPT_LIST(opts, steps, -5, 100, "steps"),
    DNX_OPT_END(opts),
};
typedef struct {
    int groups;
} more_opts;
static const dnx_opt more_table[] = {
    DNX_OPT_INT(more_opts, groups, 1, 1, INT_MAX, "groups"),
    DNX_OPT_END(more_opts),
};
static const dnx_opt *const tables[] = {table, more_table};

static const char good[] = "# comment\r\n; another\n\n  [net]\r\n batch = 1 2 \nkey=a=b\n"
                           "[ conv ]\nsize=5\nstride=2\nrate=.25\nkind=leaky\npath=a/ b.txt\n"
                           "mode=slow\nsteps=1,-2.5, 1e1\ngroups=2147483647\n[empty]";

static void test_good(void) {
    dnx_cfg *cfg;
    dnx_err err = {0};
    expect(!dnx_cfg_parse(good, sizeof good - 1, "g.cfg", &cfg, &err), "good cfg", err.text);
    if (!cfg) return;
    expect(cfg->n == 3 && cfg->sections[0].n == 2 && cfg->sections[1].n == 8 &&
               cfg->sections[2].n == 0,
           "counts", "");
    same("g.cfg", cfg->file, "file");
    same("net", cfg->sections[0].name, "first name");
    same("conv", cfg->sections[1].name, "spaces around a name");
    same("batch", cfg->sections[0].pairs[0].key, "key");
    same("1 2", cfg->sections[0].pairs[0].value, "spaces inside a value stay");
    same("a=b", cfg->sections[0].pairs[1].value, "first '=' splits");
    expect(cfg->sections[0].line == 4 && cfg->sections[0].pairs[1].line == 6, "lines", "");
    opts o;
    more_opts m;
    memset(&o, 0x5a, sizeof o); /* dnx_opts_parse() must set every option */
    void *outs[] = {&o, &m};
    expect(!dnx_opts_parse(tables, outs, 2, &cfg->sections[1], cfg->file, NULL, &err), "opts",
           err.text);
    expect(o.size == 5 && o.stride == 2 && o.rate == .25f && o.kind == 2, "values", "");
    expect(m.groups == INT_MAX, "second table", "");
    expect(o.steps.n == 3 && o.steps.v[0] == 1 && o.steps.v[1] == -2.5f && o.steps.v[2] == 10,
           "list", "");
    same("a/ b.txt", o.path, "string");
    same("slow", o.mode, "string over its default");
    expect(dnx_opts_given(&cfg->sections[1], "rate") == &cfg->sections[1].pairs[2], "given", "");
    expect(!dnx_opts_given(&cfg->sections[1], "none"), "not given", "");
    dnx_opts_free(table, &o);
    expect(!o.path && !o.mode, "freed", "");
    memset(&o, 0x5a, sizeof o);
    expect(!dnx_opts_parse(tables, outs, 2, &cfg->sections[2], cfg->file, NULL, &err), "empty",
           err.text);
    expect(o.size == 3 && o.stride == 1 && o.rate == .5f && o.kind == 1 && !o.path &&
               o.steps.n == 0 && m.groups == 1,
           "defaults", "");
    same("fast", o.mode, "default string");
    dnx_opts_free(table, &o);
    dnx_cfg_free(cfg);
    dnx_cfg_free(NULL);
}

static const struct {
    const char *text, *want;
} bad_text[] = {
    {"", "x: no [SECTION] in this file"},
    {"\n# a\n", "x: no [SECTION] in this file"},
    {"\na=1", "x:2: 'a=1': an option must follow a [SECTION] line"},
    {"[net\n", "x:1: '[net': a section's line must end with ']'"},
    {"[net] x\n", "x:1: '[net] x': a section's line must end with ']'"},
    {"[", "x:1: '[': a section's line must end with ']'"},
    {"[]", "x:1: '[]': a section needs a name"},
    {"[ ]", "x:1: '[ ]': a section needs a name"},
    {"[a]b]", "x:1: '[a]b]': a section's name has no brackets"},
    {"[net]\nbatch\n", "x:2: 'batch': a line must be [SECTION] or KEY=VALUE"},
    {"[net]\n\x1b[0m\n", "x:2: '?[0m': a line must be [SECTION] or KEY=VALUE"},
    {"[net]\n=1\n", "x:2: [net] '=1': no key before '='"},
    {"[net]\nbatch= \r\n", "x:2: [net] 'batch=': no value after '='"},
};

static const struct {
    const char *text, *want;
} bad_opts[] = {
    {"size=0", "must be a whole number from 1 to 31"},
    {"size=32", "must be a whole number from 1 to 31"},
    {"size=3.0", "must be a whole number from 1 to 31"},
    {"size=three", "must be a whole number from 1 to 31"},
    {"size=3x", "must be a whole number from 1 to 31"},
    {"size=1 2", "must be a whole number from 1 to 31"},
    {"rate=.5 0", "must be a number from 0 to 0.9"},
    {"kind=le aky", "must be one of linear, relu, leaky"},
    {"steps=1 2", "must be a list of numbers from -5 to 100"},
    {"steps=1, 2 3", "must be a list of numbers from -5 to 100"},
    {"size=0x3", "must be a whole number from 1 to 31"},
    {"size=99999999999999999999", "must be a whole number from 1 to 31"},
    {"groups=2147483648", "must be a whole number from 1 to 2147483647"},
    {"groups=4294967297", "must be a whole number from 1 to 2147483647"},
    {"rate=.91", "must be a number from 0 to 0.9"},
    {"rate=-1e-9", "must be a number from 0 to 0.9"},
    {"rate=nan", "must be a number from 0 to 0.9"},
    {"rate=-nan", "must be a number from 0 to 0.9"},
    {"rate=inf", "must be a number from 0 to 0.9"},
    {"rate=1e999", "must be a number from 0 to 0.9"},
    {"rate=0x.1p1", "must be a number from 0 to 0.9"},
    {"rate=.5.", "must be a number from 0 to 0.9"},
    {"rate=e", "must be a number from 0 to 0.9"},
    {"rate=0.5,0.6", "must be a number from 0 to 0.9"},
    {"kind=reluu", "must be one of linear, relu, leaky"},
    {"kind=rel", "must be one of linear, relu, leaky"},
    {"kind=linear|relu", "must be one of linear, relu, leaky"},
    {"kind=1", "must be one of linear, relu, leaky"},
    {"steps=1,,2", "must be a list of numbers from -5 to 100"},
    {"steps=,", "must be a list of numbers from -5 to 100"},
    {"steps=1,2,", "must be a list of numbers from -5 to 100"},
    {"steps=1,101", "must be a list of numbers from -5 to 100"},
    {"steps=1,nan", "must be a list of numbers from -5 to 100"},
    {"steps=1;2", "must be a list of numbers from -5 to 100"},
    {"sride=2", "no such option; did you mean 'stride'?"},
    {"group=2", "no such option; did you mean 'groups'?"},
    {"colour=2", "no such option"},
    {"Size=2", "no such option; did you mean 'size'?"},
};

static void test_bad(void) {
    dnx_cfg *cfg;
    dnx_err err;
    for (size_t i = 0; i < sizeof bad_text / sizeof *bad_text; i++) {
        const char *t = bad_text[i].text;
        err = (dnx_err){0};
        dnx_status st = dnx_cfg_parse(t, strlen(t), "x", &cfg, &err);
        expect(st == DNX_EPARSE && err.status == st && !cfg, t, "wrong status");
        same(bad_text[i].want, err.text, t);
        expect(dnx_cfg_parse(t, strlen(t), NULL, &cfg, NULL) == st, t, "wrong status without err");
    }
    err = (dnx_err){0};
    expect(dnx_cfg_parse("[a]\nb=\0c", 9, "x", &cfg, &err) == DNX_EPARSE, "NUL", err.text);
    same("x:2: a NUL byte; a cfg must be text", err.text, "NUL");
    for (size_t i = 0; i < sizeof bad_opts / sizeof *bad_opts; i++) {
        char text[200], want[512];
        opts o;
        more_opts m;
        void *outs[] = {&o, &m};
        snprintf(text, sizeof text, "[conv]\npath=x\n%s", bad_opts[i].text);
        snprintf(want, sizeof want, "x:3: [conv] %s: %s", bad_opts[i].text, bad_opts[i].want);
        err = (dnx_err){0};
        expect(!dnx_cfg_parse(text, strlen(text), "x", &cfg, &err), text, err.text);
        dnx_status st = dnx_opts_parse(tables, outs, 2, cfg->sections, "x", NULL, &err);
        expect(st == DNX_EOPTION && !o.path && !o.mode, text, "wrong status or a string left");
        same(want, err.text, text);
        dnx_cfg_free(cfg);
    }
}

static void parse_one(const char *text, const char *want, const char *name) {
    dnx_cfg *cfg;
    dnx_err err = {0};
    opts o;
    void *outs[] = {&o};
    if (!dnx_cfg_parse(text, strlen(text), "x", &cfg, &err)) {
        if (!dnx_opts_parse(tables, outs, 1, cfg->sections, "x", NULL, &err))
            dnx_opts_free(table, &o);
        dnx_cfg_free(cfg);
    }
    same(want, err.text, name);
}

static void test_more_bad(void) {
    parse_one("[c]\nsize=3\nrate=0\nsize=5\n", "x:4: [c] size=5: given twice; first on line 2",
              "twice");
    char text[1200] = "[c]\nsteps=1";
    for (int i = 1; i < DNX_MAX_LIST; i++) strcat(text, ",1");
    parse_one(text, "", "list of 64");
    strcat(text, ",1");
    parse_one(text,
              "x:2: [c] steps=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,: "
              "must be a list of at most 64 numbers",
              "list of 65");
    dnx_cfg *cfg;
    dnx_err err = {0};
    expect(dnx_cfg_read("/nonexistent/a.cfg", &cfg, &err) == DNX_EIO && !cfg, "no file", err.text);
    same("/nonexistent/a.cfg: cannot read: No such file or directory", err.text, "no file");
    err = (dnx_err){0};
    expect(dnx_cfg_read("/", &cfg, &err) == DNX_EIO && !cfg, "a folder", err.text);
    same("/: cannot read: Is a directory", err.text, "a folder");
    const char *words[] = {"stride", "size", "padding"};
    same("stride", dnx_nearest("strid", words, 3), "nearest");
    same("size", dnx_nearest("size", words, 3), "nearest of itself");
    same("padding", dnx_nearest("paddng", words, 3), "nearest of padding");
    expect(!dnx_nearest("filters", words, 3) && !dnx_nearest("", words, 3), "none near", "");
}

static void test_fail(void) {
    dnx_err err = {0};
    expect(dnx_fail(&err, DNX_EIO, (dnx_loc){"f", 3}, "a %d", 1) == DNX_EIO, "status", err.text);
    same("f:3: a 1", err.text, "file and line");
    expect(dnx_fail(&err, DNX_EMEM, (dnx_loc){"g", 4}, "b") == DNX_EMEM, "second", err.text);
    expect(err.status == DNX_EIO, "the first wins", err.text);
    same("f:3: a 1", err.text, "the first wins");
    err.status = DNX_OK;
    dnx_fail(&err, DNX_EIO, (dnx_loc){"f", 0}, "a");
    same("f: a", err.text, "file only");
    err.status = DNX_OK;
    dnx_fail(&err, DNX_EIO, (dnx_loc){NULL, 9}, "a\nb");
    same("a?b", err.text, "no place, no newline");
    expect(dnx_fail(NULL, DNX_EIO, (dnx_loc){"f", 1}, "a") == DNX_EIO, "no err", "");
    char file[5000];
    memset(file, 'd', sizeof file - 1);
    file[sizeof file - 1] = 0;
    err.status = DNX_OK;
    dnx_fail(&err, DNX_EIO, (dnx_loc){file, 7}, "the rule");
    expect(strncmp(err.text, "...ddd", 6) == 0 && strstr(err.text, "d:7: the rule"), "long path",
           err.text);
    err.status = DNX_OK;
    dnx_fail(&err, DNX_EIO, (dnx_loc){NULL, 0}, "%s", file);
    expect(strlen(err.text) == sizeof err.text - 1, "long text is cut", err.text);
}

static void test_no_memory(void) {
    int n = 1, bad = 0;
    for (; n < 1000; n++) {
        dnx_cfg *cfg;
        dnx_err err = {0};
        opts o;
        more_opts m;
        void *outs[] = {&o, &m};
        calls = live = 0;
        fails_at = n;
        dnx_status st = dnx_cfg_parse(good, sizeof good - 1, "g.cfg", &cfg, &err);
        if (!st) {
            st = dnx_opts_parse(tables, outs, 2, &cfg->sections[1], cfg->file, NULL, &err);
            if (!st) dnx_opts_free(table, &o);
            dnx_cfg_free(cfg);
        }
        bad += live != 0;
        if (calls < n) break;
        bad += st != DNX_EMEM || err.status != DNX_EMEM || !strstr(err.text, "no memory");
    }
    expect(n > 30 && n < 1000 && bad == 0, "failing allocations", "a leak or a wrong status");
    static const char twice[] = "[c]\nsize=3\nsize=5\nkernel=1\nkernel=2\n";
    for (n = 1, bad = 0; n < 1000; n++) {
        dnx_cfg *cfg;
        dnx_err err = {0};
        opts o;
        more_opts m;
        dnx_notes notes = {0};
        void *outs[] = {&o, &m};
        calls = live = 0;
        fails_at = n;
        dnx_status st = dnx_cfg_parse(twice, sizeof twice - 1, "t.cfg", &cfg, &err);
        if (!st) {
            st = dnx_opts_parse(tables, outs, 2, &cfg->sections[0], cfg->file, &notes, &err);
            if (!st) dnx_opts_free(table, &o);
            bad += !st && (!notes.twice || !strstr(notes.twice, "t.cfg:3: "));
            dnx_notes_free(&notes);
            dnx_cfg_free(cfg);
        }
        bad += live != 0;
        if (calls < n) break;
        bad += st != DNX_EMEM || !strstr(err.text, "no memory");
    }
    expect(n > 10 && n < 1000 && bad == 0, "an option given twice, failing allocations",
           "a note is lost");
    make_folder();
    write_text(path("lines"), "a\n");
    dnx_inputs_rewind(0);
    for (n = 1, bad = 0; n < 100; n++) {
        dnx_lines l;
        dnx_err err = {0};
        calls = live = 0;
        fails_at = n;
        dnx_status st = dnx_lines_open(&l, path("lines"), "a cfg", 1 << 20, &err);
        if (!st) dnx_lines_free(&l);
        dnx_inputs_rewind(0);
        bad += live != 0;
        if (calls < n) break;
        bad += st != DNX_EMEM && !strstr(err.text, strerror(ENOMEM));
    }
    expect(n > 1 && n < 100 && bad == 0, "lines, failing allocations", "a leak or a wrong status");
    fails_at = 0;
}

/* Parses random changes of good[]. A message must exist exactly when parsing fails. */
static void test_fuzz(void) {
    static const char bytes[] = "[]=#;\n\r ,.-+09aez|\t\x80\xff\0";
    dnx_rng r;
    dnx_rng_seed(&r, 2026, 0);
    int bad = 0, parsed = 0;
    for (int i = 0; i < 20000; i++) {
        char text[sizeof good + 16];
        size_t len = sizeof good - 1;
        memcpy(text, good, len);
        for (uint64_t k = dnx_rng_next(&r) % 8 + 1; k; k--) {
            uint64_t x = dnx_rng_next(&r);
            size_t at = (size_t)(x >> 8) % (len + 1);
            char c = (x & 16) ? bytes[(x >> 40) % (sizeof bytes - 1)] : (char)(x >> 40);
            if ((x & 3) == 0 && at < len) memmove(text + at, text + at + 1, --len - at);
            else if ((x & 3) == 1 && len < sizeof text) {
                memmove(text + at + 1, text + at, len++ - at);
                text[at] = c;
            } else if ((x & 15) == 2) len = at;
            else if (at < len) text[at] = c;
        }
        char *exact = malloc(len ? len : 1); /* a sanitizer detects reads past the end */
        if (!exact) break;
        memcpy(exact, text, len);
        dnx_cfg *cfg;
        dnx_err err = {0};
        dnx_status st = dnx_cfg_parse(exact, len, "f", &cfg, &err);
        free(exact);
        bad += (st != DNX_OK) != (err.text[0] != 0) || (st == DNX_OK) != (cfg != NULL);
        for (int s = 0; cfg && s < cfg->n; s++) {
            opts o;
            more_opts m;
            void *outs[] = {&o, &m};
            err = (dnx_err){0};
            st = dnx_opts_parse(tables, outs, 2, &cfg->sections[s], "f", NULL, &err);
            bad += st != DNX_OK && (st != DNX_EOPTION || strncmp(err.text, "f:", 2) != 0);
            parsed += st == DNX_OK;
            if (!st) dnx_opts_free(table, &o);
        }
        dnx_cfg_free(cfg);
    }
    expect(bad == 0 && parsed > 1000, "20000 mutations", "a wrong status");
}

int main(void) {
    test_good();
    test_bad();
    test_more_bad();
    test_fail();
    test_no_memory();
    test_fuzz();
    return summary();
}
