/* weights.h - Darknet's .weights files: int32 major, minor, revision; uint64 seen; float32 ... */
#ifndef DNX_WEIGHTS_H
#define DNX_WEIGHTS_H
#include "net/net.h"

/* Loads all parameters or none, and prepares the network. It detects a packed file
 * (weights_packed.h) by its first bytes. DNX_EWEIGHTS: too short (the message names the layer where
 * the file ends), too long, an invalid number, or not Darknet's header; DNX_EIO: unreadable. */
dnx_status dnx_weights_load(dnx_net *net, const char *path, dnx_err *err);
/* Loads only the parameters of the first `layers` layers; the file may be longer. A packed file
 * must fit the whole network. The errors of dnx_weights_load. */
dnx_status dnx_weights_load_first(dnx_net *net, const char *path, int layers, dnx_err *err);
/* Replaces the file whole or not at all. DNX_EIO, DNX_EMEM. */
dnx_status dnx_weights_save(dnx_net *net, const char *path, dnx_err *err);
/* The same for the first `layers` layers. */
dnx_status dnx_weights_save_first(dnx_net *net, const char *path, int layers, dnx_err *err);

/* Counts the floats after the header. For a packed file *is_packed = true and *floats = 0. The
 * errors of dnx_weights_load. */
dnx_status dnx_weights_count(const char *path, size_t *floats, bool *is_packed, dnx_err *err);
/* The images that a weights file says its network has seen; UINT64_MAX: there is no such file. */
uint64_t dnx_weights_seen(const char *path);
/* How many floats the first `layers` layers have in a file. */
size_t dnx_weights_floats(dnx_net *net, int layers);
#endif
