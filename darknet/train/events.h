/* events.h - the curves of a training run for TensorBoard: an event file, DIR/NAME/events.out...
 *
 * The file is a sequence of records. A record has the length of an Event as uint64, the CRC of this
 * length, the Event, and the CRC of the Event. An Event is a message of TensorFlow's event.proto,
 * with a time, a step, and numbers with names. Records wait in memory until a flush. */
#ifndef DNX_EVENTS_H
#define DNX_EVENTS_H
#include "train/log.h"

typedef struct {
    char *folder, *path;      /* NULL without -tensorboard; then the other functions do nothing */
    bool has_old;             /* the folder has the curves of an earlier run of this name */
    const char *verification; /* name of the verification's curve */
    dnx_growfile file;
    unsigned char *bytes;
    size_t len, room;
} dnx_events;

/* Makes the folder DIR/NAME of the run with the files `base`.csv and so on; NAME is the last part
 * of base. With keep > 0, keeps the records of the run's event file up to batch `keep`. Otherwise
 * the first flush renames an earlier folder to DIR/NAME.old-1, or to the next free number.
 * verification: the name of the verification's curve, which must outlive e. Errors: DNX_EIO, also
 * when the folder has the curves of a run of this name in another place; DNX_EMEM. */
dnx_status dnx_events_open(dnx_events *e, const char *dir, const char *base,
                           const char *verification, uint64_t keep, dnx_err *err);
/* Adds a record with the values of a line of the log. Does nothing when e is not open. */
void dnx_events_write(dnx_events *e, const dnx_net *net, const dnx_log_line *line);
/* Adds the result of a verification that the previous process could not finish. */
void dnx_events_amend(dnx_events *e, uint64_t batch, double verified);
/* Writes the waiting records. When that fails, returns DNX_EIO and keeps the records in memory. */
dnx_status dnx_events_flush(dnx_events *e, dnx_err *err);
/* Closes without a flush. */
void dnx_events_close(dnx_events *e);
#endif
