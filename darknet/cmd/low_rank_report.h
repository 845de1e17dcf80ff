/* low_rank_report.h - the result of `compress low-rank` as text, JSON and CSV. */
#ifndef DNX_LOW_RANK_REPORT_H
#define DNX_LOW_RANK_REPORT_H
#include "compress/low_rank_run.h"
#include "data/images.h"

/* Prints the table of layers, the speed-up, the error, and warnings. */
void dnx_low_rank_print(const dnx_low_rank *c);
/* Prints the same as JSON, and the names of the c->measured images held out from the fit. pick[i]:
 * the index in `list` of sample image i. skipped: number of unreadable images. */
void dnx_low_rank_json(const dnx_low_rank *c, const dnx_images *list, const size_t *pick,
                       size_t skipped);
/* Writes each eigenvalue as a line for scripts/plot_energy.py. Errors: DNX_EIO, DNX_EMEM. */
dnx_status dnx_low_rank_csv(const dnx_low_rank *c, const char *path, dnx_err *err);
#endif
