/* skipped_file.h - OUT.skipped: the images that a verb skipped, in a file beside its output OUT. */
#ifndef DNX_SKIPPED_FILE_H
#define DNX_SKIPPED_FILE_H
#include "data/images.h"

/* Returns the path OUT.skipped; free() it. NULL when memory runs out. */
char *dnx_skipped_file(const char *out);
/* Removes an earlier OUT.skipped. Call it right before OUT is replaced: a process that is killed
 * then leaves no OUT.skipped of an older OUT. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_skipped_remove(const char *out, dnx_err *err);
/* Writes OUT.skipped: the lines of `skipped`, then the lines of images->left_out (files without an
 * image's name). When there are no lines, removes OUT.skipped. Prints the first lines to stderr.
 * Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_skipped_report(const dnx_skipped *skipped, const dnx_images *images, const char *out,
                              dnx_err *err);
/* Returns DNX_EIO with the message that `skipped` of `all` images were skipped. */
dnx_status dnx_skipped_fail(size_t skipped, size_t all, const char *out, dnx_err *err);
#endif
