/* log.h - the CSV log of a training run: a line for each update. Its columns: batch, epoch, loss,
 * rate, images_per_second, wait, accuracy, lfw, exclusivity, gradient, then one for each loss.
 * Empty where there is no value. */
#ifndef DNX_LOG_H
#define DNX_LOG_H
#include <stdio.h>

#include "net/net.h"

typedef struct {
    uint64_t batch;
    double epoch, loss, rate, speed, wait;
    double accuracy, lfw, exclusivity, gradient; /* NAN: no value */
    const double *losses; /* by layer: of the loss layers, per image */
} dnx_log_line;

typedef struct {
    FILE *file;
    char *path;
    double best; /* largest lfw so far; -1: none */
} dnx_log;

/* Opens the log at path, which becomes the log's. Lines up to `batch` are kept: those behind it
 * will be trained again. DNX_EIO. */
dnx_status dnx_log_open(dnx_log *log, char *path, const dnx_net *net, uint64_t batch, dnx_err *err);
void dnx_log_write(dnx_log *log, const dnx_net *net, const dnx_log_line *line);
dnx_status dnx_log_flush(dnx_log *log, dnx_err *err);
/* Also frees the path. DNX_EIO: a disk that filled up. */
dnx_status dnx_log_close(dnx_log *log, dnx_err *err);
#endif
