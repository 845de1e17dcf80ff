/* sources.h - fills dnx_data from the folders, lists and record files of train= or valid=. */
#ifndef DNX_SOURCES_H
#define DNX_SOURCES_H
#include "data/data.h"

/* Adds the images of all sources in d->from. For the errors see dnx_data_open(). */
dnx_status dnx_sources_read(dnx_data *d, dnx_err *err);
#endif
