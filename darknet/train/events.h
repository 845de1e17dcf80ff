/* events.h - the curves of a training run for TensorBoard: an event file, DIR/NAME/events.out...
 *
 * The file is a sequence of records: a uint64 length, its CRC, the bytes, their CRC. The bytes are
 * an Event of TensorFlow's event.proto: time, step, and named numbers. Like lines of the log
 * (log.h), records wait in memory until a flush. A flush writes all of them or none. */
#ifndef DNX_EVENTS_H
#define DNX_EVENTS_H
#include "train/log.h"

typedef struct {
    char *path;               /* NULL without -tensorboard: all functions then do nothing */
    const char *verification; /* name of that curve: its title in the log (log.h) */
    int fd;                   /* -1 before it is open */
    size_t written;           /* bytes in the file */
    unsigned char *bytes;
    size_t len, room;
} dnx_events;

/* Makes the folder dir/name, and chooses the name of the file in it. With keep > 0 it keeps the
 * complete records of an old file up to batch `keep`, because later batches are trained again.
 * `verification` must outlive e. DNX_EIO when the folder or the file cannot be made, or the old
 * file is not an event file; DNX_EMEM. */
dnx_status dnx_events_open(dnx_events *e, const char *dir, const char *name,
                           const char *verification, uint64_t keep, dnx_err *err);
/* Adds the numbers of an update. */
void dnx_events_write(dnx_events *e, const dnx_net *net, const dnx_log_line *line);
/* Adds the result of a verification that the last process could not finish. */
void dnx_events_amend(dnx_events *e, uint64_t batch, double verified);
/* Writes the waiting records. DNX_EIO when that fails; the records then stay in memory. */
dnx_status dnx_events_flush(dnx_events *e, dnx_err *err);
/* Closes without a flush. */
void dnx_events_close(dnx_events *e);
#endif
