/* sources.h - fills dnx_data from the folders, lists and record files of train= or valid=. */
#ifndef DNX_SOURCES_H
#define DNX_SOURCES_H
#include "data/data.h"

/* Fills the lists of d from the sources that d->from names. Calls broken(arg, name,
 * why), which may be NULL, for each file that lies beside identity folders and is left out.
 * DNX_EIO, DNX_EPARSE, DNX_EOPTION, DNX_EMEM. */
dnx_status dnx_sources_read(dnx_data *d, void (*broken)(void *, const char *, const char *),
                            void *arg, dnx_err *err);
#endif
