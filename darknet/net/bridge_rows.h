/* bridge_rows.h - adds rows to the table in dnx_bridge. */
#ifndef DNX_BRIDGE_ROWS_H
#define DNX_BRIDGE_ROWS_H
#include "net/bridge.h"

/* Adds a row for a layer of net. With layer = -1, the row belongs to no layer. why: a printf()
 * format for the text of the row. Returns NULL when memory runs out. */
dnx_bridge_row *dnx_bridge_add(dnx_bridge *b, dnx_net *net, int layer, dnx_fate fate,
                               const char *why, ...) __attribute__((format(printf, 5, 6)));
#endif
