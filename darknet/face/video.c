/* video.c - the names and errors of videos; video_opencv.cc reads the frames. */
#include "face/video.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "face/opencv.h"

struct dnx_video {
    void *capture;
    const char *path;
    char name[256];
    long number;
};

bool dnx_video_is_camera(const char *path) {
    return !strncmp(path, "camera:", 7) && isdigit((unsigned char)path[7]) &&
           path[7 + strspn(path + 7, "0123456789")] == 0 && strlen(path) < 11;
}

bool dnx_video_is_named(const char *path) {
    static const char *const ends[] = {".avi", ".mp4",  ".mov", ".mkv", ".webm",
                                       ".mpg", ".mpeg", ".m4v", ".wmv"};
    const char *dot = strrchr(path, '.');
    if (dnx_video_is_camera(path)) return true;
    for (size_t i = 0; dot && i < sizeof ends / sizeof *ends; i++)
        if (!strcasecmp(dot, ends[i])) return true;
    return false;
}

static void set_name(dnx_video *v) {
    const char *slash = strrchr(v->path, '/'), *name = slash ? slash + 1 : v->path;
    const char *dot = strrchr(name, '.');
    if (dnx_video_is_camera(v->path)) {
        snprintf(v->name, sizeof v->name, "camera-%s", v->path + 7);
        return;
    }
    const size_t n = dot && dot > name ? (size_t)(dot - name) : strlen(name);
    snprintf(v->name, sizeof v->name, "%.*s", (int)n, name);
}

dnx_status dnx_video_open(const char *path, dnx_video **v, dnx_err *err) {
    const bool is_camera = dnx_video_is_camera(path);
    *v = NULL;
    if (!is_camera && access(path, R_OK))
        return dnx_fail_at(err, DNX_EIO, path, "cannot open: %s", strerror(errno));
    dnx_video *made = dnx_has_opencv ? calloc(1, sizeof *made) : NULL;
    if (!dnx_has_opencv)
        return dnx_fail_at(err, DNX_EIO, path,
                           "frames of %s are read by OpenCV, which is not in this build: `make "
                           "opencv-deps`, then `make OPENCV=1`",
                           is_camera ? "a camera" : "a video");
    if (!made) return dnx_no_memory(path, err);
    made->path = path;
    set_name(made);
    made->capture = is_camera ? dnx_capture_camera(atoi(path + 7)) : dnx_capture_file(path);
    if (made->capture) *v = made;
    else free(made);
    if (*v) return DNX_OK;
    return dnx_fail_at(err, DNX_EIO, path,
                       is_camera ? "there is no such camera, or another program uses it"
                                 : "is not a video that OpenCV can read");
}

void dnx_video_close(dnx_video *v) {
    if (v) dnx_capture_close(v->capture);
    free(v);
}

bool dnx_video_next(dnx_video *v) {
    if (!dnx_capture_next(v->capture)) return false;
    v->number++;
    return true;
}

dnx_status dnx_video_frame(dnx_video *v, dnx_image *frame, dnx_err *err) {
    const unsigned char *bgr;
    int w, h, step;
    *frame = (dnx_image){.shrink = 1};
    if (!dnx_capture_frame(v->capture, &bgr, &w, &h, &step))
        return dnx_fail_at(err, DNX_EIO, v->path, "frame %ld cannot be decoded", v->number);
    if (w < 1 || h < 1 || w > DNX_MAX_SIDE || h > DNX_MAX_SIDE || (long)w * h > DNX_MAX_PIXELS)
        return dnx_fail_at(err, DNX_EIO, v->path,
                           "has frames of %d x %d pixels, more than an image may have", w, h);
    frame->rgb = malloc((size_t)w * (size_t)h * 3);
    if (!frame->rgb) return dnx_fail_at(err, DNX_EMEM, v->path, "no memory for a frame");
    frame->w = w;
    frame->h = h;
    unsigned char *to = frame->rgb;
    for (int y = 0; y < h; y++, bgr += step)
        for (int x = 0; x < w; x++, to += 3)
            for (int c = 0; c < 3; c++) to[c] = bgr[3 * x + 2 - c];
    return DNX_OK;
}

long dnx_video_number(const dnx_video *v) { return v->number; }

dnx_status dnx_video_end(const dnx_video *v, dnx_err *err) {
    const long all = dnx_capture_frames(v->capture, v->number);
    if (all <= v->number + 2) return DNX_OK;
    return dnx_fail_at(err, DNX_EIO, v->path, "has %ld frames, but only %ld can be read", all,
                       v->number);
}

const char *dnx_video_name(const dnx_video *v) { return v->name; }
