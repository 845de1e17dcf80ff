/* sheet_opencv.cc - boxes by OpenCV's C API, whose headers compile only as C++ since OpenCV 4. */
#include <opencv2/core/core_c.h>
#include <opencv2/imgproc/imgproc_c.h>

#include "face/opencv.h"

bool dnx_box_opencv(unsigned char *rgb, int w, int h, const dnx_outline *o) {
    CvMat image = cvMat(h, w, CV_8UC3, rgb);
    try { /* exceptions must not reach C code */
        for (int i = 0; i < o->t && o->x1 + i <= o->x2 - i && o->y1 + i <= o->y2 - i; i++)
            cvRectangle(&image, cvPoint(o->x1 + i, o->y1 + i), cvPoint(o->x2 - i, o->y2 - i),
                        cvScalar(o->colour[0], o->colour[1], o->colour[2]), 1, 8, 0);
    } catch (...) {
        return false;
    }
    return true;
}
