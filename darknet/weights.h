/* weights.h - Darknet's .weights files: int32 major, minor, revision; uint64 seen; float32 ... */
#ifndef DNX_WEIGHTS_H
#define DNX_WEIGHTS_H
#include "net.h"

/* Loads all or nothing. DNX_EWEIGHTS: too short (names the layer where it ends), too long, or a
 * header that is not Darknet's; DNX_EIO: unreadable. Call dnx_net_prepare afterwards. */
dnx_status dnx_weights_load(dnx_net *net, const char *path, dnx_err *err);
/* Writes path.tmp, syncs, renames. */
dnx_status dnx_weights_save(dnx_net *net, const char *path, dnx_err *err);
#endif
