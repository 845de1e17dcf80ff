/* cfg.h - reads the text of a .cfg into sections of key=value pairs, without interpreting them. */
#ifndef DNX_CFG_H
#define DNX_CFG_H
#include "dnx.h"

typedef struct {
    char *key, *value; /* trimmed */
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

/* Parses len bytes, at most 16 MB. file: the name for messages. Free *out with dnx_cfg_free(). '#'
 * and ';' start a comment at the start of a line or after white space. See also base/lines.h.
 * Errors: DNX_EPARSE, DNX_EMEM. */
dnx_status dnx_cfg_parse(const char *text, size_t len, const char *file, dnx_cfg **out,
                         dnx_err *err);
/* Parses a file of at most 16 MB. Returns the errors of dnx_cfg_parse(), and DNX_EIO. */
dnx_status dnx_cfg_read(const char *path, dnx_cfg **out, dnx_err *err);
/* Replaces the value of an option of section i, or appends the option. Error: DNX_EMEM. */
dnx_status dnx_cfg_set(dnx_cfg *cfg, int i, const char *key, const char *value, dnx_err *err);
/* True when a section has classes=auto. */
bool dnx_cfg_asks_classes(const dnx_cfg *cfg);
/* Replaces classes=auto by n in all sections. Errors: DNX_EOPTION when a section has classes=auto,
 * but n is 0; DNX_EMEM. */
dnx_status dnx_cfg_set_classes(dnx_cfg *cfg, int n, dnx_err *err);
/* Returns the index of the section that has name=`name`, or -1. */
int dnx_cfg_named(const dnx_cfg *cfg, const char *name);
/* Checks that the values of name= are well formed and all different. Error: DNX_EOPTION. */
dnx_status dnx_cfg_check_names(const dnx_cfg *cfg, dnx_err *err);
void dnx_cfg_free(dnx_cfg *cfg);
#endif
