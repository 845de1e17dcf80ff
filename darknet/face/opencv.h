/* opencv.h - the parts of warp.c, sheet.c and video.c that need OpenCV and C++. `make OPENCV=1`
 * links *_opencv.cc; other builds link no_opencv.c, whose functions fail. */
#ifndef DNX_OPENCV_H
#define DNX_OPENCV_H
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
extern const bool dnx_has_opencv;

/* The outline of a rectangle, t pixels thick. Pixels (x1, y1) and (x2, y2) are its corners. */
typedef struct {
    int x1, y1, x2, y2, t;
    const unsigned char *colour; /* red, green, blue */
} dnx_outline;

/* Draws an outline. rgb: h x w x 3 bytes. Returns false on failure. */
bool dnx_box_opencv(unsigned char *rgb, int w, int h, const dnx_outline *o);

/* Like dnx_warp(). OpenCV rounds positions to 1/32 pixel. m must have an inverse. */
bool dnx_warp_opencv(const unsigned char *rgb, int w, int h, const double m[6], unsigned char *out,
                     int out_w, int out_h);

/* Open a video file or a camera. Return NULL on failure. */
void *dnx_capture_file(const char *path);
void *dnx_capture_camera(int number);
void dnx_capture_close(void *capture);
bool dnx_capture_next(void *capture);
/* Decodes the current frame: h rows of w x 3 bytes, blue first; rows are `step` bytes apart. The
 * pixels are valid until the next call. Returns false when the frame cannot be decoded. */
bool dnx_capture_frame(void *capture, const unsigned char **bgr, int *w, int *h, int *step);
/* Returns the number of frames of the video. read: the number of frames that could be read. The
 * result is `read` unless the video has ended too early. Then it is the number of frames in the
 * file's header, which is only an estimate. */
long dnx_capture_frames(void *capture, long read);
#ifdef __cplusplus
}
#endif
#endif
