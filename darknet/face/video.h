/* video.h - the frames of a video file or a camera, read by OpenCV (`make OPENCV=1`). */
#ifndef DNX_VIDEO_H
#define DNX_VIDEO_H
#include "base/err.h"
#include "data/decode.h"

typedef struct dnx_video dnx_video;

/* Returns true for camera:N, and for file names with a suffix of videos, such as .mp4. */
bool dnx_video_is_named(const char *path);
/* Returns true for camera:N with a number N of at most three digits. */
bool dnx_video_is_camera(const char *path);
/* Opens a video; path must outlive v. The caller closes v. Errors: DNX_EIO when OpenCV cannot
 * open the video, or when this build has no OpenCV; DNX_EMEM. */
dnx_status dnx_video_open(const char *path, dnx_video **v, dnx_err *err);
void dnx_video_close(dnx_video *v);
/* Goes to the next frame; the first call goes to frame 1. Returns false after the last frame. */
bool dnx_video_next(dnx_video *v);
/* Copies the pixels of the current frame; free them with dnx_image_free(). Errors: DNX_EIO when
 * the frame cannot be decoded, or exceeds DNX_MAX_SIDE or DNX_MAX_PIXELS; DNX_EMEM. */
dnx_status dnx_video_frame(dnx_video *v, dnx_image *frame, dnx_err *err);
/* Returns the number of the current frame, from 1. */
long dnx_video_number(const dnx_video *v);
/* Call it after the last frame. Returns DNX_EIO when the file has at least three more frames, which
 * could not be read. */
dnx_status dnx_video_end(const dnx_video *v, dnx_err *err);
/* Returns a name for messages and folders: "walk" for path/walk.avi, "camera-0" for camera:0. */
const char *dnx_video_name(const dnx_video *v);
#endif
