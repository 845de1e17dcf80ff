/* bridge_rows.h - adds rows to the table in dnx_bridge. */
#ifndef DNX_BRIDGE_ROWS_H
#define DNX_BRIDGE_ROWS_H
#include "net/bridge.h"

/* Allocates the memory for this number of rows. Returns DNX_EMEM, with a message that names `file`,
 * when memory runs out. */
dnx_status dnx_bridge_reserve(dnx_bridge *b, int rows, const char *file, dnx_err *err);
/* Adds a row for a layer of net, and returns it. With layer = -1, the row belongs to no layer. Call
 * dnx_bridge_reserve() first. why: a printf() format for the text of the row. */
dnx_bridge_row *dnx_bridge_add(dnx_bridge *b, dnx_net *net, int layer, dnx_fate fate,
                               const char *why, ...) __attribute__((format(printf, 5, 6)));
#endif
