/* skipped_file.h - OUT.skipped: what a verb did not take of its images, beside its output OUT. */
#ifndef DNX_SKIPPED_FILE_H
#define DNX_SKIPPED_FILE_H
#include "data/images.h"

/* OUT.skipped, free() it; NULL: no memory. */
char *dnx_skipped_file(const char *out);
/* Writes OUT.skipped: the images that were skipped, then the files of the folder that are not named
 * as images. Without any removes an earlier OUT.skipped. Shows the first lines, and the number of
 * files left out, on stderr. DNX_EIO, DNX_EMEM. */
dnx_status dnx_skipped_tell(const dnx_skipped *skipped, const dnx_images *images, const char *out,
                            dnx_err *err);
#endif
