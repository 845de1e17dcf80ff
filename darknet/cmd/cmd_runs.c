/* darknet runs: prints a table of the runs of training below a folder, from their files
 * NAME.run. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/files.h"
#include "base/paths.h"
#include "cmd/cmd.h"
#include "train/record.h"

enum { DEEPEST = 8, COLUMNS = 9 };

typedef struct {
    const char *folder;
} args;

static const dnx_arg table[] = {
    DNX_PLACE_MAYBE(args, folder, "folder", "where to search, its folders too; default this one"),
    DNX_ARG_END,
};

typedef struct {
    char *cell[COLUMNS];
} row;

typedef struct {
    row *rows;
    int n;
    bool failed;
} runs;

static const char *const titles[COLUMNS] = {"run",  "state", "batch", "loss",   "accuracy",
                                            "best", "seed",  "began", "seconds"};

/* ---- one run ---- */

/* True when the record says "running", but its process has ended. */
static bool was_killed(const dnx_record *r) {
    const char *machine = dnx_record_get(r, "machine"), *process = dnx_record_get(r, "process");
    struct utsname here;
    if (!machine || !process || uname(&here) || strcmp(machine, here.nodename)) return false;
    return kill((pid_t)strtol(process, NULL, 10), 0) && errno == ESRCH;
}

static const char *get(const dnx_record *r, const char *key) {
    const char *value = dnx_record_get(r, key);
    return value && *value ? value : "-";
}

static char *percent(const char *share) {
    char text[16];
    if (*share == '-') return strdup("-");
    snprintf(text, sizeof text, "%.2f %%", 100 * strtod(share, NULL));
    return strdup(text);
}

static char *progress(const dnx_record *r) {
    char text[64];
    snprintf(text, sizeof text, "%.30s/%.30s", get(r, "batch"), get(r, "batches"));
    return strdup(text);
}

/* Returns the state for the table: of "failed: WHY" only the first word, and "killed", which is not
 * in the file, when the process has ended. */
static char *state(const dnx_record *r) {
    const char *s = get(r, "state");
    if (!strcmp(s, "running") && was_killed(r)) s = "killed";
    return strndup(s, strcspn(s, ":"));
}

static void free_row(row *r) {
    for (int c = 0; c < COLUMNS; c++) free(r->cell[c]);
}

static void add(runs *all, const char *path, const dnx_record *r) {
    bool is_whole = true;
    row *more = realloc(all->rows, sizeof *more * (size_t)(all->n + 1));
    if (!more) {
        all->failed = true;
        return;
    }
    all->rows = more;
    more[all->n] = (row){{strndup(path, strlen(path) - 4), state(r), progress(r),
                          strdup(get(r, "loss")), percent(get(r, "accuracy")),
                          percent(get(r, "best")), strdup(get(r, "seed")),
                          strndup(get(r, "began"), 16), strdup(get(r, "seconds"))}};
    for (int c = 0; c < COLUMNS; c++) is_whole = is_whole && more[all->n].cell[c];
    if (is_whole) all->n++;
    else free_row(&more[all->n]);
    all->failed = all->failed || !is_whole;
}

static void read_run(runs *all, const char *path) {
    dnx_record r = {0};
    size_t len;
    char *text = dnx_file_read_unnoted(path, DNX_MAX_FILE, &len);
    if (!text) {
        fprintf(stderr, "%s: cannot read: %s\n", path, strerror(errno));
        all->failed = true;
        return;
    }
    dnx_record_parse(&r, text);
    if (dnx_record_get(&r, "state") && dnx_record_get(&r, "batches")) add(all, path, &r);
    dnx_record_free(&r);
    free(text);
}

/* ---- all runs ---- */

static int visible(const struct dirent *e) { return e->d_name[0] != '.'; }

static bool is_run(const char *name) {
    size_t n = strlen(name);
    return n > 4 && !strcmp(name + n - 4, ".run");
}

/* Searches a folder and its folders. It does not follow links. */
static void search(runs *all, const char *folder, int depth) {
    struct dirent **names;
    struct stat info;
    int n = scandir(folder, &names, visible, alphasort);
    if (n < 0) {
        fprintf(stderr, "%s: cannot read: %s\n", folder, strerror(errno));
        all->failed = true;
    }
    for (int i = 0; i < n; i++) {
        char *path = dnx_path_join(strcmp(folder, ".") ? folder : "", names[i]->d_name);
        if (!path) all->failed = true;
        else if (!lstat(path, &info) && S_ISDIR(info.st_mode)) {
            if (depth < DEEPEST) search(all, path, depth + 1);
        } else if (is_run(path)) read_run(all, path);
        free(path);
        free(names[i]);
    }
    if (n >= 0) free(names);
}

static void show_row(char *const *cells, const size_t *width) {
    for (int c = 0; c < COLUMNS; c++)
        printf("%-*s%s", c < COLUMNS - 1 ? (int)width[c] : 0, cells[c],
               c < COLUMNS - 1 ? "  " : "\n");
}

static void show(const runs *all) {
    size_t width[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) {
        width[c] = strlen(titles[c]);
        for (int i = 0; i < all->n; i++) {
            size_t w = strlen(all->rows[i].cell[c]);
            if (w > width[c]) width[c] = w;
        }
    }
    show_row((char *const *)(uintptr_t)titles, width);
    for (int i = 0; i < all->n; i++) show_row(all->rows[i].cell, width);
}

static int run(const void *given) {
    const args *a = given;
    const char *folder = a->folder ? a->folder : ".";
    runs all = {0};
    search(&all, folder, 0);
    if (all.n) show(&all);
    else if (!all.failed) printf("no runs in %s\n", folder);
    for (int i = 0; i < all.n; i++) free_row(&all.rows[i]);
    free(all.rows);
    return all.failed;
}

const dnx_verb dnx_cmd_runs = {
    "runs",
    "list the runs of training below a folder",
    table,
    sizeof(args),
    run,
    "One line for each NAME.run that `classifier train` left: where it is, its state (running, "
    "done, stopped, failed, or killed), updates done of all, the mean loss and accuracy of about "
    "the last 50 updates, the best verification (on the pairs it was chosen on), seed, start, and "
    "seconds of training. NAME.run itself has more: command, cfg, data, machine, build, what "
    "failed."};
