/* sources.h - fills dnx_data from the folders, lists and record files of train=. */
#ifndef DNX_SOURCES_H
#define DNX_SOURCES_H
#include "data/data.h"

/* Reports each file beside identity folders to broken(arg, name, why), which may be NULL. */
dnx_status dnx_sources_read(dnx_data *d, void (*broken)(void *, const char *, const char *),
                            void *arg, dnx_err *err);
#endif
