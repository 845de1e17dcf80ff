/* cfg.h - reads the text of a .cfg into sections of key=value pairs. Knows no section's meaning. */
#ifndef DNX_CFG_H
#define DNX_CFG_H
#include "dnx.h"

typedef struct {
    char *key, *value; /* trimmed; white space inside a value stays */
    int line;
} dnx_pair;

struct dnx_cfg;

typedef struct {
    char *name; /* without brackets */
    int line;
    dnx_pair *pairs;
    int n;
    const struct dnx_cfg *of; /* that it is in */
} dnx_section;

typedef struct dnx_cfg {
    char *file;
    dnx_section *sections;
    int n;
} dnx_cfg;

/* Parses len bytes. DNX_EPARSE: no section, an option before the first section, a line without '=',
 * an empty key or value, a NUL byte, an unclosed bracket. '#' and ';' start a comment, at the start
 * of a line or behind white space. base/lines.h tells what text is accepted. */
dnx_status dnx_cfg_parse(const char *text, size_t len, const char *file, dnx_cfg **out,
                         dnx_err *err);
/* Reads the file at path (at most 16 MB) and parses it. */
dnx_status dnx_cfg_read(const char *path, dnx_cfg **out, dnx_err *err);
/* Sets an option of section i, in place of its value or behind its last option. DNX_EMEM. */
dnx_status dnx_cfg_set(dnx_cfg *cfg, int i, const char *key, const char *value, dnx_err *err);
/* Whether a section says classes=auto: as many as the images have. */
bool dnx_cfg_asks_classes(const dnx_cfg *cfg);
/* Writes n for it. DNX_EOPTION: n is 0, not known, where a section asks; DNX_EMEM. */
dnx_status dnx_cfg_set_classes(dnx_cfg *cfg, int n, dnx_err *err);
/* The section of the layer with name=NAME; -1: none. */
int dnx_cfg_named(const dnx_cfg *cfg, const char *name);
/* DNX_EOPTION: a name that is not a letter or '_' and then letters, digits and "_.-", that is over
 * 63 characters long, or that two layers have. */
dnx_status dnx_cfg_check_names(const dnx_cfg *cfg, dnx_err *err);
void dnx_cfg_free(dnx_cfg *cfg);
#endif
