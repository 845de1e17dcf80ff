/* sources.h - fills dnx_data from the folders, lists and record files of train=. */
#ifndef DNX_SOURCES_H
#define DNX_SOURCES_H
#include "data/data.h"

dnx_status dnx_sources_read(dnx_data *d, dnx_err *err);
#endif
