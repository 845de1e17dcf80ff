/* events.h - the curves of a training run for TensorBoard: an event file, DIR/NAME/events.out...
 *
 * The file is a row of records: uint64 length, CRC of it, bytes, CRC of them. The bytes are an
 * Event of TensorFlow's event.proto: time, step, and numbers with a name each. Records wait in
 * memory until a flush, as the lines of the log do (log.h). A flush writes all of them or none. */
#ifndef DNX_EVENTS_H
#define DNX_EVENTS_H
#include "train/log.h"

typedef struct {
    char *path;     /* NULL: nobody wants events */
    const char *verification; /* the name of that curve: the title of its column (log.h) */
    int fd;         /* -1: not yet open */
    size_t written; /* bytes of the file that are kept */
    unsigned char *bytes;
    size_t len, room;
} dnx_events;

/* Makes the folders dir/name, and names the file in it. With keep > 0 it keeps the whole records of
 * an old file up to that batch: later batches are trained again. DNX_EIO: the folder or the file
 * cannot be made, or is no event file; DNX_EMEM. verification must outlive e. */
dnx_status dnx_events_open(dnx_events *e, const char *dir, const char *name,
                           const char *verification, uint64_t keep, dnx_err *err);
/* Adds the numbers of an update. */
void dnx_events_write(dnx_events *e, const dnx_net *net, const dnx_log_line *line);
/* Adds the result of a verification that was made up for. */
void dnx_events_amend(dnx_events *e, uint64_t batch, double verified);
/* DNX_EIO: they continue to wait. */
dnx_status dnx_events_flush(dnx_events *e, dnx_err *err);
/* Closes without a flush. */
void dnx_events_close(dnx_events *e);
#endif
