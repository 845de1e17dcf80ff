/* weights.h - Darknet's .weights files: int32 major, minor, revision; uint64 seen; float32 ... */
#ifndef DNX_WEIGHTS_H
#define DNX_WEIGHTS_H
#include "net/net.h"

/* Loads all or nothing, and prepares; a packed file (weights_packed.h) is known by its first bytes.
 * DNX_EWEIGHTS: too short (names the layer where it ends), too long, a number that cannot be, or a
 * header that is not Darknet's; DNX_EIO: unreadable. */
dnx_status dnx_weights_load(dnx_net *net, const char *path, dnx_err *err);
/* Loads the parameters of the first `layers` layers only; the others keep theirs, and the file may
 * go on. A packed file must be of the whole network. The errors of dnx_weights_load. */
dnx_status dnx_weights_load_first(dnx_net *net, const char *path, int layers, dnx_err *err);
/* Replaces the file whole or not at all. DNX_EIO, DNX_EMEM. */
dnx_status dnx_weights_save(dnx_net *net, const char *path, dnx_err *err);
/* The same for the first `layers` layers. */
dnx_status dnx_weights_save_first(dnx_net *net, const char *path, int layers, dnx_err *err);

/* How many floats stand behind the header; of a packed file 0 and *is_packed. The errors of
 * dnx_weights_load. */
dnx_status dnx_weights_count(const char *path, size_t *floats, bool *is_packed, dnx_err *err);
/* The images that a weights file says its network has seen; UINT64_MAX: there is no such file. */
uint64_t dnx_weights_seen(const char *path);
/* How many floats the first `layers` layers have in a file. */
size_t dnx_weights_floats(dnx_net *net, int layers);
#endif
