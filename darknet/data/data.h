/* data.h - reads a .data file and lists its images for training or validation. */
#ifndef DNX_DATA_H
#define DNX_DATA_H
#include "data/datafile.h"
#include "data/skipped.h"
#include "dnx.h"

/* train= and valid= have one or several sources, separated by commas:
 *   a folder of identity folders    class = rank of the folder's name in sorted order
 *   NAME.rec, with NAME.idx         class = the record's label (InsightFace, MXNet)
 *   a folder with train.rec         class = the record's label
 *   a list file (list.h)            class = the number in the line, else the class whose label
 *                                   (from labels= or names=) occurs in the path
 * The classes of a folder or a .rec begin after the largest class of the sources before it. An
 * empty identity folder has a class, too. InsightFace's file `property` beside train.rec states the
 * number of classes of that source. A list keeps its class numbers. Without classes=, images have
 * no class, and a folder may contain images directly. Names in a .data file are relative to the
 * current folder. */
typedef struct {
    char *path;
    size_t first; /* index of the source's first image */
    int fd;       /* descriptor of the .rec; -1 for folders and lists */
    uint64_t size;
} dnx_source;

enum { DNX_DATA_MOST_WHOLE = 200000 };

/* Reports a file or a record that is not used. */
typedef void dnx_broken_fn(void *arg, const char *name, const char *why);

typedef struct {
    dnx_data_opts o;
    char *file;
    const char *key, *from; /* key: "train" or "valid"; from: the value of this key */
    int line;
    dnx_broken_fn *report; /* may be NULL */
    void *report_arg;
    dnx_source *source;
    int sources;
    char *text; /* all paths, each ended by NUL */
    size_t text_len, text_capacity;
    uint64_t *at;  /* for each image: offset of its path in text, or of its record in the .rec */
    int *class_of; /* for each image: its class, or -1 */
    size_t n, at_capacity, class_capacity;
    size_t listed;   /* number of images before the scan */
    size_t broken;   /* number of images that the scan dropped */
    int next;        /* 1 + the largest class of the sources; an empty folder's class counts, too */
    bool has_folder; /* a source is a folder of identity folders */
    size_t loose;    /* number of files beside identity folders */
    dnx_skipped left_out; /* folder entries that are not images */
    uint64_t content; /* checksum of the classes and contents of all images, without their names */
    bool is_sampled;  /* `content` covers only parts of each image */
} dnx_data;

/* Reads the .data file and its sources, and drops broken images. Reports them, and files beside
 * identity folders, to broken(), which may be NULL.
 *
 * Errors: DNX_EOPTION, DNX_EPARSE, DNX_EMEM; DNX_EIO, also when there are no images or more than
 * 1 % are broken; DNX_ESTOP after a signal. */
dnx_status dnx_data_open(const char *file, dnx_broken_fn *broken, void *arg, dnx_data **out,
                         dnx_err *err);
/* Like dnx_data_open(), but reads the sources of valid= and does not check the images. Also returns
 * DNX_EOPTION when classes= is missing, or when a source is a folder of identity folders and the
 * sources together have fewer classes than classes=. */
dnx_status dnx_data_open_valid(const char *file, dnx_broken_fn *broken, void *arg, dnx_data **out,
                               dnx_err *err);
void dnx_data_close(dnx_data *d); /* d may be NULL */

/* Returns the source that contains image i. */
const dnx_source *dnx_data_source(const dnx_data *d, size_t i);
/* Stores the name of image i for messages: its path, or "x.rec, record at byte N". */
void dnx_data_name(const dnx_data *d, size_t i, char *out, size_t size);
/* Returns the bytes of image i; free() them. On failure returns NULL and sets *why to a constant
 * text. When reading failed, *why is DNX_UNREAD and errno is set. Thread safe. */
#define DNX_UNREAD "cannot be read"
unsigned char *dnx_data_bytes(const dnx_data *d, size_t i, size_t *len, const char **why);
/* Returns false, and sets errno, when dnx_data_bytes() fails for image i with DNX_UNREAD. Thread
 * safe. */
bool dnx_data_can_read(const dnx_data *d, size_t i);
/* Tries up to four images other than i, and returns true when one of them can be read: the disk
 * works, so only image i is missing. Thread safe. */
bool dnx_data_others_can_be_read(const dnx_data *d, size_t i);

/* ---- for data.c, sources.c and scan.c ---- */

/* Appends an image; `at` is its element of dnx_data.at. Returns false when memory runs out. */
bool dnx_data_add(dnx_data *d, uint64_t at, int class_of);
/* Like dnx_data_name(), for the image of source s at offset `at`. */
void dnx_source_name(const dnx_data *d, const dnx_source *s, uint64_t at, char *out, size_t size);
/* Returns the place of a line of the .data file, for messages. line: its number, from 1. */
static inline dnx_loc dnx_data_at(const dnx_data *d, int line) { return (dnx_loc){d->file, line}; }
#endif
