/* bridge_rows.h - how the two halves of the bridge fill in its table. */
#ifndef DNX_BRIDGE_ROWS_H
#define DNX_BRIDGE_ROWS_H
#include "net/bridge.h"

/* Adds a row for a layer of net, or without a layer (-1). NULL: no memory, the row is left out. */
dnx_bridge_row *dnx_bridge_add(dnx_bridge *b, dnx_net *net, int layer, dnx_fate fate,
                               const char *why, ...) __attribute__((format(printf, 5, 6)));
#endif
