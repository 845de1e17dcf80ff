/* classes.h - reads a cfg in which classes=auto stands for the number of classes. */
#ifndef DNX_CLASSES_H
#define DNX_CLASSES_H
#include "net/net.h"

/* Replaces classes=auto by the number of classes with which the network has as many floats as the
 * file `weights`. Takes the number `otherwise` when weights is NULL or no number fits. path: the
 * cfg's file. how: the options with which the network will be built. Errors: DNX_EOPTION when the
 * number is 0; DNX_EMEM. */
dnx_status dnx_classes_resolve(dnx_cfg *cfg, const char *path, const char *weights, int otherwise,
                               const dnx_build *how, dnx_err *err);
/* Reads a cfg file and calls dnx_classes_resolve(). Also returns the errors of dnx_cfg_read(). */
dnx_status dnx_cfg_open(const char *path, const char *weights, int otherwise, const dnx_build *how,
                        dnx_cfg **out, dnx_err *err);
#endif
