/* video_opencv.cc - reads videos with OpenCV's C++ classes, because OpenCV's C functions for videos
 * only print an error since OpenCV 4.6. Exceptions must not reach C code. */
#include "face/opencv.h"

#include <opencv2/core/utils/logger.hpp>
#include <opencv2/videoio.hpp>

#include <algorithm>

const bool dnx_has_opencv = true;

namespace {
struct Capture {
    cv::VideoCapture from;
    cv::Mat frame;
    /* In seconds: time of the last frame, and the longest time between two frames so far. */
    double time = 0, longest = 0;
};

/* Opens a file or, when path is NULL, a camera. Returns NULL on failure. */
Capture *opened(const char *path, int camera) {
    Capture *c = nullptr;
    try {
        cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
        c = new Capture;
        /* Tries FFmpeg, then OpenCV's reader of Motion JPEG. Other readers would take a path with
         * digits for a pattern of image files. */
        if (path ? c->from.open(path, cv::CAP_FFMPEG) || c->from.open(path, cv::CAP_OPENCV_MJPEG)
                 : c->from.open(camera))
            return c;
    } catch (...) {
    }
    delete c;
    return nullptr;
}
} // namespace

void *dnx_capture_file(const char *path) { return opened(path, 0); }
void *dnx_capture_camera(int number) { return opened(nullptr, number); }
void dnx_capture_close(void *capture) { delete static_cast<Capture *>(capture); }

bool dnx_capture_next(void *capture) {
    Capture *c = static_cast<Capture *>(capture);
    try {
        if (!c->from.grab()) return false;
        const double time = c->from.get(cv::CAP_PROP_POS_MSEC) / 1000;
        c->longest = std::max(c->longest, time - c->time);
        c->time = time;
        return true;
    } catch (...) {
        return false;
    }
}

bool dnx_capture_frame(void *capture, const unsigned char **bgr, int *w, int *h, int *step) {
    Capture *c = static_cast<Capture *>(capture);
    try {
        if (!c->from.retrieve(c->frame) || c->frame.type() != CV_8UC3) return false;
    } catch (...) {
        return false;
    }
    *bgr = c->frame.data;
    *w = c->frame.cols;
    *h = c->frame.rows;
    *step = static_cast<int>(c->frame.step);
    return true;
}

long dnx_capture_frames(void *capture, long read) {
    try {
        const Capture *c = static_cast<Capture *>(capture);
        const double n = c->from.get(cv::CAP_PROP_FRAME_COUNT);
        const double rate = c->from.get(cv::CAP_PROP_FPS);
        const bool is_early = !(rate > 0) || c->time + 2 * c->longest + 3 / rate < n / rate;
        return n > 0 && n < 1e9 && is_early ? static_cast<long>(n) : read;
    } catch (...) {
        return read;
    }
}
