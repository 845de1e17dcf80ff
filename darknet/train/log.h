/* log.h - the CSV log of a training run: a line for each update. Its columns are batch, epoch,
 * loss, rate, images_per_second, wait (the share of the time spent waiting for images), accuracy,
 * the verification, exclusivity and gradient. Then each loss has a column TYPE_LAYER, such as
 * triplet_9. Last, each loss that counts the triplets or pairs it uses has a column
 * TYPE_LAYER_used. The column of the verification has the name pairs, tar@RATE or rank-1
 * (face/judge.h); older logs have lfw instead of pairs. A field without a value is empty.
 *
 * Lines wait in memory until a flush. If they cannot be written, they wait for the next flush. */
#ifndef DNX_LOG_H
#define DNX_LOG_H
#include "base/growfile.h"
#include "net/net.h"

enum { DNX_LOG_BATCH = 0, DNX_LOG_EPOCH = 1, DNX_LOG_VERIFIED = 7 }; /* columns, from 0 */

typedef struct {
    uint64_t batch;
    double epoch, loss, rate, speed, wait;
    double accuracy, verified, exclusivity, gradient; /* NAN without a value */
    const double *losses; /* for each layer: the loss per image, if the layer is a loss */
    const long *used;     /* for each layer: the number of triplets or pairs that its loss used */
} dnx_log_line;

typedef struct {
    const char *path;         /* NULL before dnx_log_open() */
    const char *verification; /* the title of the verification's column */
    dnx_growfile file;
    char *text; /* waiting lines */
    size_t len, capacity;
} dnx_log;

/* Opens the log file `path`. With keep > 0, keeps the lines of an old file up to batch `keep`; else
 * begins a new log. verification: the title of the verification's column. path and verification
 * must outlive the log. Returns DNX_EOPTION when the old file has verifications under another
 * title; DNX_EMEM. */
dnx_status dnx_log_open(dnx_log *log, const char *path, const dnx_net *net,
                        const char *verification, uint64_t keep, dnx_err *err);
/* Returns true when the last line that dnx_log_open() kept is that of `batch` and lacks a
 * verification. dnx_log_amend() adds the result to this line. Call both before dnx_log_write(). */
bool dnx_log_lacks_verification(const dnx_log *log, uint64_t batch);
void dnx_log_amend(dnx_log *log, double verified);
/* Adds a line; dnx_log_flush() writes it to the file. */
void dnx_log_write(dnx_log *log, const dnx_net *net, const dnx_log_line *line);
/* Returns the last waiting line, with its '\n', or NULL when no line waits. */
const char *dnx_log_last(const dnx_log *log);
/* Returns the titles of the columns, separated by commas, or NULL without memory. The caller frees
 * the text. */
char *dnx_log_titles(const dnx_log *log, const dnx_net *net);
/* Writes the waiting lines. After an error, DNX_EIO or DNX_EMEM, unwritten lines go on waiting. */
dnx_status dnx_log_flush(dnx_log *log, dnx_err *err);
/* Closes without a flush. */
void dnx_log_close(dnx_log *log);
#endif
