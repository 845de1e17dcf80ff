/* warp_opencv.cc - warps with OpenCV's C API, whose headers compile only as C++ since OpenCV 4. */
#include <opencv2/core/core_c.h>
#include <opencv2/imgproc/imgproc_c.h>

#include "face/opencv.h"

bool dnx_warp_opencv(const unsigned char *rgb, int w, int h, const double m[6], unsigned char *out,
                     int out_w, int out_h) {
    CvMat from = cvMat(h, w, CV_8UC3, const_cast<unsigned char *>(rgb));
    CvMat to = cvMat(out_h, out_w, CV_8UC3, out);
    CvMat move = cvMat(2, 3, CV_64FC1, const_cast<double *>(m));
    try {
        cvWarpAffine(&from, &to, &move, CV_INTER_LINEAR + CV_WARP_FILL_OUTLIERS, cvScalarAll(0));
    } catch (...) { /* exceptions must not reach C code */
        return false;
    }
    return true;
}
