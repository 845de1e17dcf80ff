/* darknet runs: prints a table of the runs below a folder, from their files NAME.run. */
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
    char **rows; /* each has the cells of a row, separated by SEPARATOR */
    size_t n, capacity;
    bool failed;
} runs;

#define SEPARATOR "\x1f"
static const char titles[] = "run" SEPARATOR "state" SEPARATOR "batch" SEPARATOR "loss" SEPARATOR
                             "accuracy" SEPARATOR "best" SEPARATOR "seed" SEPARATOR
                             "began" SEPARATOR "seconds";

/* Returns true when the process of the run was on this machine and has ended. */
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

static const char *percent(const char *share, char text[16]) {
    if (*share == '-') return share;
    snprintf(text, 16, "%.2f %%", 100 * strtod(share, NULL));
    return text;
}

/* Adds a row for a run. Shortens a state "failed: WHY" to "failed". */
static void add(runs *all, const char *path, const dnx_record *r) {
    const char *state = get(r, "state");
    char *row, accuracy[16], best[16];
    if (!strcmp(state, "running") && was_killed(r)) state = "killed";
    if (asprintf(&row,
                 "%.*s" SEPARATOR "%.*s" SEPARATOR "%.30s/%.30s" SEPARATOR "%s" SEPARATOR
                 "%s" SEPARATOR "%s" SEPARATOR "%s" SEPARATOR "%.16s" SEPARATOR "%s",
                 (int)strlen(path) - 4, path, (int)strcspn(state, ":"), state, get(r, "batch"),
                 get(r, "batches"), get(r, "loss"), percent(get(r, "accuracy"), accuracy),
                 percent(get(r, "best"), best), get(r, "seed"), get(r, "began"),
                 get(r, "seconds")) < 0)
        row = NULL;
    if (row && dnx_grow(&all->rows, all->n, &all->capacity, sizeof *all->rows))
        all->rows[all->n++] = row;
    else {
        free(row);
        all->failed = true;
    }
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

static int visible(const struct dirent *e) { return e->d_name[0] != '.'; }

static bool is_run(const char *name) {
    size_t n = strlen(name);
    return n > 4 && !strcmp(name + n - 4, ".run");
}

/* Searches a folder and its subfolders for runs. Skips hidden names, and links to folders. */
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

/* Raises each width[c] to the length of the row's cell c. If `prints`, also prints the row. */
static void take_row(const char *row, int *width, bool prints) {
    for (int c = 0; c < COLUMNS; c++) {
        const int n = (int)strcspn(row, SEPARATOR);
        if (n > width[c]) width[c] = n;
        if (prints && c < COLUMNS - 1) printf("%-*.*s  ", width[c], n, row);
        else if (prints) printf("%.*s\n", n, row);
        row += n + (row[n] != 0);
    }
}

static void show(const runs *all) {
    int width[COLUMNS] = {0};
    for (int prints = 0; prints < 2; prints++) {
        take_row(titles, width, prints);
        for (size_t i = 0; i < all->n; i++) take_row(all->rows[i], width, prints);
    }
}

static int run(const void *given, dnx_err *err) {
    const args *a = given;
    (void)err;
    const char *folder = a->folder ? a->folder : ".";
    runs all = {0};
    search(&all, folder, 0);
    if (all.n) show(&all);
    else if (!all.failed) printf("no runs in %s\n", folder);
    for (size_t i = 0; i < all.n; i++) free(all.rows[i]);
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
