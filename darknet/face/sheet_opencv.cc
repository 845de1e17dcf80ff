/* sheet_opencv.cc - boxes by OpenCV's C API, whose headers compile only as C++ since OpenCV 4. */
#include <opencv2/core/core_c.h>
#include <opencv2/imgproc/imgproc_c.h>

#include "face/opencv.h"

bool dnx_box_opencv(unsigned char *rgb, int w, int h, int x1, int y1, int x2, int y2, int t,
                    const unsigned char colour[3]) {
    CvMat image = cvMat(h, w, CV_8UC3, rgb);
    try { /* exceptions must not reach C code */
        for (int i = 0; i < t && x1 + i <= x2 - i && y1 + i <= y2 - i; i++)
            cvRectangle(&image, cvPoint(x1 + i, y1 + i), cvPoint(x2 - i, y2 - i),
                        cvScalar(colour[0], colour[1], colour[2]), 1, 8, 0);
    } catch (...) {
        return false;
    }
    return true;
}
