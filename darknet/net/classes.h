/* classes.h - reads a cfg in which classes=auto stands for the number of classes. */
#ifndef DNX_CLASSES_H
#define DNX_CLASSES_H
#include "net/net.h"

/* Replaces classes=auto in a cfg by the number with which the network of the cfg file at `path` has
 * exactly as many floats as the weights file. weights may be NULL; without it, or when no number
 * fits, the number is `otherwise`. how: as the network will be built; it may have a student.
 * DNX_EOPTION when the number is 0, DNX_EMEM. */
dnx_status dnx_classes_resolve(dnx_cfg *cfg, const char *path, const char *weights, int otherwise,
                               const dnx_build *how, dnx_err *err);
/* Reads the cfg file and resolves its classes=auto. Also returns the errors of dnx_cfg_read(). */
dnx_status dnx_cfg_open(const char *path, const char *weights, int otherwise, const dnx_build *how,
                        dnx_cfg **out, dnx_err *err);
#endif
