/* weights.h - Darknet's .weights files: int32 major, minor, revision; uint64 seen; float32 ... */
#ifndef DNX_WEIGHTS_H
#define DNX_WEIGHTS_H
#include "net/net.h"

/* Loads all or nothing, and prepares; a packed file (packed.h) is known by its first bytes.
 * DNX_EWEIGHTS: too short (names the layer where it ends), too long, or a header that is not
 * Darknet's; DNX_EIO: unreadable. */
dnx_status dnx_weights_load(dnx_net *net, const char *path, dnx_err *err);
/* Replaces the file whole or not at all. DNX_EIO, DNX_EMEM. */
dnx_status dnx_weights_save(dnx_net *net, const char *path, dnx_err *err);
#endif
