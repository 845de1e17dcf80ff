/* sheet.h - contact sheets: photographs with boxes and points, crops side by side. */
#ifndef DNX_SHEET_H
#define DNX_SHEET_H
#include "face/mtcnn.h"

/* Makes a white picture; free it with dnx_image_free(). Returns false when memory runs out. */
bool dnx_sheet_make(dnx_image *sheet, int w, int h);
/* Copies a picture, h x w x 3 bytes, to (x, y). Parts outside the sheet are not drawn. */
void dnx_sheet_paste(dnx_image *sheet, const unsigned char *rgb, int w, int h, int x, int y);
/* Draws an image with the boxes and points of n faces into a square of `side` pixels at (x, y).
 * Returns the scale, at most 2. */
double dnx_sheet_photo(dnx_image *sheet, const dnx_shrunk *image, const dnx_found *faces, size_t n,
                       int side, int x, int y);
/* Draws the outline of a rectangle, t pixels thick, in colour number `colour` mod 6.
 * dnx_sheet_box() may use OpenCV, but both functions draw the same pixels. */
void dnx_sheet_box(dnx_image *sheet, int x1, int y1, int x2, int y2, int t, size_t colour);
void dnx_sheet_box_plain(dnx_image *sheet, int x1, int y1, int x2, int y2, int t, size_t colour);
/* Writes the sheet as a JPEG file. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_sheet_write(const dnx_image *sheet, const char *path, dnx_err *err);
#endif
