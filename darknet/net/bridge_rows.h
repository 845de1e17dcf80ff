/* bridge_rows.h - fills the table of the bridge; for bridge.c and bridge_match.c. */
#ifndef DNX_BRIDGE_ROWS_H
#define DNX_BRIDGE_ROWS_H
#include "net/bridge.h"

/* Adds a row for a layer of net; with layer -1 for no layer. Returns NULL when memory runs out;
 * then no row is added. */
dnx_bridge_row *dnx_bridge_add(dnx_bridge *b, dnx_net *net, int layer, dnx_fate fate,
                               const char *why, ...) __attribute__((format(printf, 5, 6)));
#endif
