/* finding_work.c - lists the photographs to process, and hands them out in rounds. A round is the
 * photographs, or frames of a video, that are processed together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/stop.h"
#include "cmd/crops.h"
#include "cmd/finding.h"

typedef struct {
    char *crop;
    size_t i;
} named;

static int by_crop(const void *a, const void *b) {
    const named *p = a, *q = b;
    const int order = strcmp(p->crop, q->crop);
    return order ? order : p->i < q->i ? -1 : p->i > q->i;
}

/* Refuses two photographs whose first crops would be the same file, such as a.jpg and a.png. */
static dnx_status refuse_twins(dnx_finding *j, named *first, dnx_err *err) {
    dnx_status st = DNX_OK;
    qsort(first, j->images.n, sizeof *first, by_crop);
    for (size_t i = 0; i < j->images.n; i++) {
        j->crop[i] = first[i].crop;
        if (!st && i && !strcmp(first[i - 1].crop, first[i].crop))
            st = dnx_fail_at(err, DNX_EIO, j->images.name[first[i].i],
                             "its crop would be %s, as that of %s", first[i].crop,
                             j->images.name[first[i - 1].i]);
    }
    return st;
}

dnx_status dnx_finding_plan(dnx_finding *j, dnx_err *err) {
    const size_t n = j->images.n;
    char *swept = NULL;
    j->recorded = j->list.n;
    named *first = calloc(n + 1, sizeof *first);
    j->crop = calloc(n + 1, sizeof *j->crop);
    j->todo = malloc((n + 1) * sizeof *j->todo);
    dnx_status st = first && j->crop && j->todo ? DNX_OK : dnx_no_memory(j->out, err);
    for (size_t i = 0; !st && i < n; i++) {
        first[i] = (named){dnx_finding_crop(j, j->images.name[i], 1), i};
        if (!first[i].crop) st = dnx_no_memory(j->out, err);
        else if (!dnx_found_get(&j->list, j->images.name[i])) {
            j->todo[j->n_todo++] = i;
            dnx_crops_sweep(first[i].crop, &swept);
        }
    }
    if (!st) st = refuse_twins(j, first, err);
    else
        for (size_t i = 0; first && i < n; i++) free(first[i].crop);
    free(first);
    free(swept);
    return st;
}

static size_t take_frames(dnx_finding *j) {
    const dnx_found_list before = {.photo = j->list.photo, .n = j->recorded}; /* sorted */
    /* A round has few frames, because decoded frames take much memory. */
    const size_t most = j->workers < 8 ? 2 * (size_t)j->workers : 16;
    const size_t all = j->a->frames ? (size_t)j->a->frames : SIZE_MAX;
    size_t n = 0;
    double start = dnx_now();
    while (n < most && j->seen < all && !dnx_stop_asked() && dnx_video_next(j->video)) {
        const long number = dnx_video_number(j->video);
        dnx_finding_item *it = &j->item[n];
        if ((number - 1) % j->a->every) continue;
        j->seen++;
        *it = (dnx_finding_item){.name = it->frame_name};
        snprintf(it->frame_name, sizeof it->frame_name, "%s/frame-%06ld", dnx_video_name(j->video),
                 number);
        if (dnx_found_get(&before, it->name)) continue;
        dnx_video_frame(j->video, &it->frame, &it->said);
        n++;
    }
    j->spent[0].decode += dnx_now() - start;
    return n;
}

static size_t take_photos(dnx_finding *j) {
    size_t n = 0;
    for (; n < DNX_FINDING_ROUND && j->first < j->n_todo; n++)
        j->item[n] = (dnx_finding_item){.name = j->images.name[j->todo[j->first++]]};
    return n;
}

size_t dnx_finding_next(dnx_finding *j) { return j->video ? take_frames(j) : take_photos(j); }
