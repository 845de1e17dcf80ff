/* opencv.h - boxes, video files and cameras by OpenCV: the parts of sheet.c and video.c that are
 * C++, in a build with OPENCV=1. */
#ifndef DNX_OPENCV_H
#define DNX_OPENCV_H
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
/* Draws the outline of a rectangle, t pixels thick, into h x w x 3 bytes, as far as it lies there:
 * the same pixels as dnx_sheet_box_plain(). false: OpenCV gave up. */
bool dnx_box_opencv(unsigned char *rgb, int w, int h, int x1, int y1, int x2, int y2, int t,
                    const unsigned char colour[3]);

/* NULL: cannot be opened. */
void *dnx_capture_file(const char *path);
void *dnx_capture_camera(int number);
void dnx_capture_close(void *capture);
/* Moves to the next frame without decoding it, where the format allows that. false: there is
 * none. */
bool dnx_capture_next(void *capture);
/* The pixels of this frame: h rows of w x 3 bytes, blue first, `step` bytes apart. They are valid
 * until the next call. false: it cannot be decoded. */
bool dnx_capture_frame(void *capture, const unsigned char **bgr, int *w, int *h, int *step);
/* How many frames the file says it has; 0: it does not say. */
long dnx_capture_frames(void *capture);
#ifdef __cplusplus
}
#endif
#endif
