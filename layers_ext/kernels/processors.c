/* processors.c - counts processors by affinity and quota. The two functions at the end undo what
 * constructors of shared libraries do to the affinity. */
#include "kernels/processors.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_TEXT 4096

/* Returns quota / period of the control group `folder`, rounded up, or 0 without a limit. In v2 the
 * file cpu.max has "quota period"; without a limit, "max period". In v1 each number is in its own
 * file, and the quota -1 means no limit. */
static int quota_of(const char *folder) {
    static const char *const quotas[] = {"cpu.max", "cpu.cfs_quota_us"};
    char path[MAX_TEXT + 32];
    long quota = 0, period = 0;
    for (int k = 0; k < 2; k++) {
        snprintf(path, sizeof path, "%s/%s", folder, quotas[k]);
        FILE *f = fopen(path, "r");
        if (!f) continue;
        int got = fscanf(f, "%ld %ld", &quota, &period);
        fclose(f);
        if (got < 1) return 0;
        snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
        if (got == 1 && (f = fopen(path, "r"))) {
            got += fscanf(f, "%ld", &period) == 1;
            fclose(f);
        }
        return got == 2 && quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
    }
    return 0;
}

/* Returns the least quota of the group `path` and of the groups above it, or 0 without a limit. */
static int least_quota(const char *mount, const char *path) {
    char folder[MAX_TEXT];
    int least = 0;
    if (snprintf(folder, sizeof folder, "%s%s", mount, path) >= (int)sizeof folder) return 0;
    for (size_t top = strlen(mount);;) {
        int quota = quota_of(folder);
        if (quota > 0 && (least == 0 || quota < least)) least = quota;
        char *slash = strrchr(folder + top, '/');
        if (!slash) return least;
        *slash = 0;
    }
}

static bool has_cpu(const char *list) {
    for (const char *c = list; (c = strstr(c, "cpu")); c += 3)
        if ((c == list || c[-1] == ',') && (c[3] == 0 || c[3] == ',')) return true;
    return false;
}

int dnx_cpu_quota(const char *groups, const char *mount) {
    static const char *const folders[] = {"/cpu", "/cpu,cpuacct"};
    char line[MAX_TEXT], at[MAX_TEXT];
    int least = 0;
    FILE *f = fopen(groups, "r");
    /* A line is number:controllers:path. In v2 the list of controllers is empty. */
    while (f && fgets(line, sizeof line, f)) {
        char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
        if (!path) continue;
        *path++ = 0;
        path[strcspn(path, "\n")] = 0;
        if (list[1] && !has_cpu(list + 1)) continue;
        for (int k = 0; k < (list[1] ? 2 : 1); k++) {
            snprintf(at, sizeof at, "%s%s", mount, list[1] ? folders[k] : "");
            int quota = least_quota(at, path);
            if (quota > 0 && (least == 0 || quota < least)) least = quota;
        }
    }
    if (f) fclose(f);
    return least;
}

int dnx_processors(void) {
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) ? (int)sysconf(_SC_NPROCESSORS_ONLN)
                                                   : CPU_COUNT(&set);
    int quota = dnx_cpu_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    if (quota > 0 && quota < n) n = quota;
    return n < 1 ? 1 : n;
}

#ifdef __ELF__
static cpu_set_t given;
static bool is_given;

static void remember(void) { is_given = !sched_getaffinity(0, sizeof given, &given); }

__attribute__((used, section(".preinit_array"))) static void (*const first)(void) = remember;

__attribute__((constructor)) static void restore(void) {
    if (is_given) (void)sched_setaffinity(0, sizeof given, &given);
}
#endif
