/* cfg.h - reads the text of a .cfg into sections of key=value pairs. It does not interpret them. */
#ifndef DNX_CFG_H
#define DNX_CFG_H
#include "dnx.h"

typedef struct {
    char *key, *value; /* trimmed; white space inside a value is kept */
    int line;
} dnx_pair;

struct dnx_cfg;

typedef struct {
    char *name; /* without brackets */
    int line;
    dnx_pair *pairs;
    int n;
    const struct dnx_cfg *of; /* the cfg that contains the section */
} dnx_section;

typedef struct dnx_cfg {
    char *file;
    dnx_section *sections;
    int n;
} dnx_cfg;

/* Parses len bytes. '#' and ';' start a comment at the start of a line or after white space.
 * base/lines.h describes the accepted text. DNX_EPARSE: no section, an option before the first
 * section, a line without '=', an empty key or value, a NUL byte, an unclosed bracket. */
dnx_status dnx_cfg_parse(const char *text, size_t len, const char *file, dnx_cfg **out,
                         dnx_err *err);
/* Reads the file at path (at most 16 MB) and parses it. */
dnx_status dnx_cfg_read(const char *path, dnx_cfg **out, dnx_err *err);
/* Sets an option of section i: replaces its value, or appends the option. DNX_EMEM. */
dnx_status dnx_cfg_set(dnx_cfg *cfg, int i, const char *key, const char *value, dnx_err *err);
/* True when a section has classes=auto: the number of classes comes from the images. */
bool dnx_cfg_asks_classes(const dnx_cfg *cfg);
/* Replaces classes=auto by n. DNX_EOPTION when a section has it and n is 0 (unknown); DNX_EMEM. */
dnx_status dnx_cfg_set_classes(dnx_cfg *cfg, int n, dnx_err *err);
/* Index of the section with name=NAME, or -1. */
int dnx_cfg_named(const dnx_cfg *cfg, const char *name);
/* Checks the names of layers. A name is a letter or '_', then letters, digits and "_.-", at most 63
 * characters. Names must differ. DNX_EOPTION: a name breaks these rules. */
dnx_status dnx_cfg_check_names(const dnx_cfg *cfg, dnx_err *err);
void dnx_cfg_free(dnx_cfg *cfg);
#endif
