/* no_opencv.c - takes the place of *_opencv.cc in a build without OPENCV=1. */
#include "face/opencv.h"

#include <stddef.h>

const bool dnx_has_opencv = false;

bool dnx_box_opencv(unsigned char *rgb, int w, int h, const dnx_outline *o) {
    return (void)rgb, (void)w, (void)h, (void)o, false;
}

bool dnx_warp_opencv(const unsigned char *rgb, int w, int h, const double m[6], unsigned char *out,
                     int out_w, int out_h) {
    return (void)rgb, (void)w, (void)h, (void)m, (void)out, (void)out_w, (void)out_h, false;
}

void *dnx_capture_file(const char *path) { return (void)path, NULL; }
void *dnx_capture_camera(int number) { return (void)number, NULL; }
void dnx_capture_close(void *capture) { (void)capture; }
bool dnx_capture_next(void *capture) { return (void)capture, false; }
bool dnx_capture_frame(void *capture, const unsigned char **bgr, int *w, int *h, int *step) {
    return (void)capture, (void)bgr, (void)w, (void)h, (void)step, false;
}
long dnx_capture_frames(void *capture, long read) { return (void)capture, read; }
