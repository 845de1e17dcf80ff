/* data.h - reads a .data file and lists its training images. It prints nothing. */
#ifndef DNX_DATA_H
#define DNX_DATA_H
#include "data/datafile.h"
#include "data/skipped.h"
#include "dnx.h"

/* train: one or several sources, comma separated, of these forms:
 *   a folder of identity folders    class = place of the folder's name in sorted order
 *   NAME.rec, with NAME.idx beside  class = the record's label (InsightFace, MXNet)
 *   a folder with train.rec         the same; `property` beside it tells how many classes it has
 *   a list file (list.h)            class = that of its line; of a line without one, that of the
 *                                   one label in `labels` (or `names`) that the path contains
 * The identities of a folder and of a .rec are numbered on from the largest class of the sources
 * before; a list gives the class itself. Without classes=, or with 0, all images count as
 * unlabelled: then a folder may hold images directly, and a line needs no class. The names in a
 * .data file are relative to the current folder. */
typedef struct {
    char *path;    /* a part of train= */
    size_t first;  /* its first image */
    int fd;        /* of a record file, else -1 */
    uint64_t size; /* of a record file, bytes */
} dnx_source;

enum { DNX_DATA_MOST_WHOLE = 200000 };

typedef struct {
    dnx_data_opts o;
    char *file;
    dnx_source *source; /* in the order of train= */
    int sources;
    char *text; /* all paths, each ended by NUL */
    size_t text_len, text_room;
    uint64_t *at;  /* where image i's path starts in text, or its record in the .rec */
    int *class_of; /* -1: not known */
    size_t n, room;    /* usable images */
    size_t listed;     /* images listed, broken ones included */
    size_t broken;     /* of these: found broken by the scan */
    size_t loose;      /* files beside the identity folders, which belong to no class */
    dnx_skipped left_out; /* files of folders that are no images, by name or by content */
    uint64_t content;  /* checksum of all usable images' bytes and classes, in order: the same
                        * wherever the images lie and whatever they are called */
    bool is_sampled;   /* there are more than DNX_DATA_MOST_WHOLE images: of each, only the size,
                        * the first and the last bytes go into `content` */
} dnx_data;

/* Reads the .data file and its sources, and looks at each image, in threads: it
 * must exist, not be empty, and start like a JPEG, PNG, BMP or PNM. Those that do not are
 * dropped, and each is reported, in order, to broken(arg, name, why), which may be NULL; of more
 * than 1 % only the first 20. Files beside identity folders are reported, too. Files of a folder
 * that neither are named as images nor are images by content do not count: left_out names them.
 * DNX_EOPTION, DNX_EPARSE: a bad line, named file:line, and the line of the .data file that leads
 * to it; DNX_EIO: unreadable, a damaged .rec, no images, or more than 1 % of them broken;
 * DNX_EMEM. */
dnx_status dnx_data_open(const char *file, void (*broken)(void *, const char *, const char *),
                         void *arg, dnx_data **out, dnx_err *err);
void dnx_data_close(dnx_data *d); /* d may be NULL */

/* The source of image i. */
const dnx_source *dnx_data_source(const dnx_data *d, size_t i);
/* Image i for people: its path, or "x.rec, record at byte N". */
void dnx_data_name(const dnx_data *d, size_t i, char *out, size_t room);
/* The bytes of image i, free() them; NULL with *why set: to DNX_UNREAD, with errno, when it was the
 * reading that failed and the image may be sound. Thread safe. */
#define DNX_UNREAD "cannot be read"
unsigned char *dnx_data_bytes(const dnx_data *d, size_t i, size_t *len, const char **why);
/* Whether image i can be read now; whether any of some others, near and far, can: if so, it alone
 * is gone, and not their folder. Thread safe. */
bool dnx_data_can_read(const dnx_data *d, size_t i);
bool dnx_data_others_can_be_read(const dnx_data *d, size_t i);

/* ---- for what fills the list ---- */

/* Appends an image; false: no memory. */
bool dnx_data_add(dnx_data *d, uint64_t at, int class_of);
void dnx_source_name(const dnx_data *d, const dnx_source *s, uint64_t at, char *out, size_t room);
/* A line of the .data file, as the place of an error. */
static inline dnx_loc dnx_data_at(const dnx_data *d, int line) { return (dnx_loc){d->file, line}; }
#endif
