/* opencv.h - boxes, video files and cameras by OpenCV: the parts of sheet.c and video.c that are
 * C++, in a build with OPENCV=1. */
#ifndef DNX_OPENCV_H
#define DNX_OPENCV_H
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
/* Draws the outline of a rectangle, t pixels thick, into h x w x 3 bytes. Parts outside are left
 * out. The pixels are those of dnx_sheet_box_plain(). Returns false when OpenCV fails. */
bool dnx_box_opencv(unsigned char *rgb, int w, int h, int x1, int y1, int x2, int y2, int t,
                    const unsigned char colour[3]);

/* Open a video file or a camera. Return NULL when that fails. */
void *dnx_capture_file(const char *path);
void *dnx_capture_camera(int number);
void dnx_capture_close(void *capture);
/* Moves to the next frame, without decoding it if the format allows that. Returns false at the
 * end. */
bool dnx_capture_next(void *capture);
/* Finds the pixels of this frame: h rows of w x 3 bytes, blue first, `step` bytes apart. They are
 * valid until the next call. Returns false when the frame cannot be decoded. */
bool dnx_capture_frame(void *capture, const unsigned char **bgr, int *w, int *h, int *step);
/* After the last of `read` frames: the number of frames that the file gives. Returns `read` when it
 * gives none, or when the last frame lies at the end of its duration, because for frames of unequal
 * length the number is an estimate. */
long dnx_capture_frames(void *capture, long read);
#ifdef __cplusplus
}
#endif
#endif
