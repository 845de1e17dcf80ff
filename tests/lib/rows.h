/* rows.h - reads the test cases of a layer type from NAME.rows. Empty lines and lines that begin
 * with # are skipped. All other lines have this form; B, H, W and C are the shape of input 0:
 *
 *     B H W C TOLERANCE [WORD]... [OPTION=VALUE;OPTION=VALUE]
 *
 * OPTION=* makes a case for each word that the option can have. Each WORD is one of
 *     kinks      all inputs are at least .05 from integers, where the derivative may jump
 *     together   the output of an image depends on the other images of the batch
 *     estimated  the gradient of the weights is only estimated, so it is not checked
 *     signs      like estimated, also for the gradients of values before a sign()
 *     second:HxWxC  the shape of the second input, or of the teacher's output
 *     half       the layer's gradient is half of the loss's derivative */
#include "lib/layer_bench.h"

enum { MOST_ROWS = 1000 };
static row rows[MOST_ROWS];
static size_t n_rows;

static inline char *text_of(const char *format, ...) {
    char text[1000];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return strdup(text);
}

/* Adds row r with the options OPTION=VALUE;OPTION=VALUE. OPTION=* adds a row for each word that the
 * option can have. */
static inline void add_row(row r, const char *options) {
    const char *star = strstr(options, "=*");
    if (!star) {
        must(n_rows < MOST_ROWS, "there are too many rows");
        char *lines = text_of("%s\n", options);
        for (char *c = lines; *c; c++) *c = *c == ';' ? '\n' : *c;
        r.name = text_of("[%s] %s", r.type, options);
        r.text = lines;
        rows[n_rows++] = r;
        return;
    }
    const char *key = star;
    while (key > options && key[-1] != ';') key--;
    const size_t length = (size_t)(star - key);
    const dnx_opt *o = find_type(r.type)->options;
    while (o->key && (strlen(o->key) != length || strncmp(o->key, key, length))) o++;
    must(o->key && o->type == DNX_WORD, options);
    for (const char *w = o->words; *w;) {
        char *with = text_of("%.*s=%.*s%s", (int)(star - options), options, (int)strcspn(w, "|/"),
                             w, star + 2);
        add_row(r, with);
        free(with);
        w += strcspn(w, "|");
        w += *w == '|';
    }
}

static inline void add_word(row *r, const char *word) {
    dnx_shape *s = &r->second;
    if (!strcmp(word, "kinks")) r->flags |= SEPARATE;
    else if (!strcmp(word, "together")) r->flags |= TOGETHER;
    else if (!strcmp(word, "estimated")) r->flags |= ESTIMATED;
    else if (!strcmp(word, "signs")) r->flags |= ESTIMATED | SIGNS;
    else if (!strcmp(word, "half")) r->loss_factor = .5;
    else must(sscanf(word, "second:%dx%dx%d", &s->h, &s->w, &s->c) == 3, word);
}

/* Adds the rows of the file `path`, which is FOLDER/TYPE.rows. Ends the test after an error. */
static inline void read_rows(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *type = text_of("%.*s", (int)strcspn(name, "."), name);
    FILE *f = fopen(path, "r");
    char line[500];
    must(f != NULL, path);
    must(find_type(type) != NULL, type);
    while (fgets(line, sizeof line, f)) {
        row r = {.type = type};
        int at = 0;
        line[strcspn(line, "\n")] = 0;
        if (line[0] == '#' || !line[0]) continue;
        int got = sscanf(line, "%d %d %d %d %lf%n", &r.B, &r.H, &r.W, &r.C, &r.tol, &at);
        must(got == 5, line);
        char *rest, *word = strtok_r(line + at, " ", &rest);
        for (; word && !strchr(word, '='); word = strtok_r(NULL, " ", &rest)) add_word(&r, word);
        add_row(r, word ? word : "");
    }
    fclose(f);
}
