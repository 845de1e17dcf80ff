/* inputs.c - keeps the list of inputs. It holds paths, not inodes, because the system reuses the
 * inodes of deleted files. */
#include "base/inputs.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char **names;
static size_t n_names;

static bool is_noted(const char *path) {
    for (size_t i = 0; i < n_names; i++)
        if (!strcmp(names[i], path)) return true;
    return false;
}

static bool add(const char *path) {
    char *name = strdup(path);
    char **more = name ? realloc(names, (n_names + 1) * sizeof *more) : NULL;
    if (more) {
        names = more;
        names[n_names++] = name;
    } else {
        free(name);
    }
    return more;
}

bool dnx_input_note(const char *path) {
    pthread_mutex_lock(&lock);
    bool ok = is_noted(path) || add(path);
    pthread_mutex_unlock(&lock);
    return ok;
}

bool dnx_input_is(const struct stat *file, char *name, size_t size) {
    struct stat s;
    bool found = false;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < n_names && !found; i++) {
        found = !stat(names[i], &s) && s.st_dev == file->st_dev && s.st_ino == file->st_ino;
        if (found) snprintf(name, size, "%s", names[i]);
    }
    pthread_mutex_unlock(&lock);
    return found;
}

size_t dnx_inputs_mark(void) {
    pthread_mutex_lock(&lock);
    size_t n = n_names;
    pthread_mutex_unlock(&lock);
    return n;
}

void dnx_inputs_rewind(size_t mark) {
    pthread_mutex_lock(&lock);
    while (n_names > mark) free(names[--n_names]);
    if (!n_names) {
        free(names);
        names = NULL;
    }
    pthread_mutex_unlock(&lock);
}
