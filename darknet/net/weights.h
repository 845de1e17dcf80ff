/* weights.h - reads and writes Darknet's .weights files. net/README.md has their layout. */
#ifndef DNX_WEIGHTS_H
#define DNX_WEIGHTS_H
#include "net/net.h"

/* Loads all parameters, and prepares the network. Also reads packed files (weights_packed.h). With
 * net->is_partial the file may be longer than the network. Errors: DNX_EIO; DNX_EMEM; DNX_EWEIGHTS,
 * with all parameters unchanged, when the file does not fit, or has a number that is not finite or
 * a variance below 0. */
dnx_status dnx_weights_load(dnx_net *net, const char *path, dnx_err *err);
/* Loads only the first `layers` layers; the file may be longer. A packed file must fit the whole
 * network. Errors: see dnx_weights_load(). */
dnx_status dnx_weights_load_first(dnx_net *net, const char *path, int layers, dnx_err *err);
/* Writes the parameters and net->seen. After an error the old file is unchanged. Errors: DNX_EIO,
 * DNX_EMEM. */
dnx_status dnx_weights_save(dnx_net *net, const char *path, dnx_err *err);
/* Like dnx_weights_save(), but writes only the first `layers` layers. */
dnx_status dnx_weights_save_first(dnx_net *net, const char *path, int layers, dnx_err *err);

/* Sets *floats to the number of floats after the header, or to 0 for a packed file, and sets
 * *is_packed. Errors: see dnx_weights_load(). */
dnx_status dnx_weights_count(const char *path, size_t *floats, bool *is_packed, dnx_err *err);
/* Sets *numbers to the number of parameters in a file, which may be packed. Errors: see
 * dnx_weights_load(). */
dnx_status dnx_weights_held(const char *path, size_t *numbers, dnx_err *err);
/* Returns the number of images trained on, from the file's header. UINT64_MAX for a packed or
 * unreadable file. */
uint64_t dnx_weights_seen(const char *path);
/* Returns the number of parameters of the first `layers` layers. */
size_t dnx_weights_floats(dnx_net *net, int layers);
#endif
