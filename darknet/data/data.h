/* data.h - reads a .data file and lists its images for training or validation. */
#ifndef DNX_DATA_H
#define DNX_DATA_H
#include "data/datafile.h"
#include "data/skipped.h"
#include "dnx.h"

/* train= and valid= have one or several sources, separated by commas:
 *   a folder of identity folders    class = rank of the folder's name in sorted order
 *   NAME.rec, with NAME.idx         class = the record's label (InsightFace, MXNet)
 *   a folder with train.rec         class = the record's label; classes= must not be less than the
 *                                   number of classes in the folder's file `property`
 *   a list file (list.h)            class = the number in the line, else the class whose label
 *                                   (from labels= or names=) occurs in the path
 * With several sources, the classes of a folder or a .rec begin after the largest class of the
 * sources before it; a list keeps its class numbers. Without classes=, or with classes=0, images
 * are unlabelled: then a folder may contain images directly, and a line of a list needs no class.
 * Names in a .data file are relative to the current folder. */
typedef struct {
    char *path;    /* the folder, list or .rec */
    size_t first;  /* index of the source's first image */
    int fd;        /* descriptor of the .rec; -1 for folders and lists */
    uint64_t size; /* bytes of the .rec */
} dnx_source;

enum { DNX_DATA_MOST_WHOLE = 200000 };

typedef struct {
    dnx_data_opts o;
    char *file;
    const char *key, *from; /* the option that names the sources, "train" or "valid"; its value */
    int line;               /* line of this option in the .data file */
    dnx_source *source;     /* in the order of the option */
    int sources;
    char *text; /* all paths, each ended by NUL */
    size_t text_len, text_capacity;
    uint64_t *at;         /* for each image: offset of its path in text, or of its record */
    int *class_of;        /* for each image: its class, or -1 */
    size_t n, capacity;   /* n: number of usable images */
    size_t listed;        /* number of all images, before the scan drops the broken images */
    size_t broken;        /* number of images that the scan found broken */
    int ranked;           /* 1 + the class of the last identity folder */
    size_t loose;         /* number of files beside identity folders; they have no class */
    dnx_skipped left_out; /* files in folders that are images neither by name nor by content, and
                            * folders inside identity folders */
    uint64_t content; /* checksum of the bytes and classes of all usable images, in order, but not
                        * of the names of files and folders */
    bool is_sampled;  /* there are more than DNX_DATA_MOST_WHOLE images: `content` covers only the
                        * size and the first and last bytes of each file, and the offset and the
                        * first bytes of each record */
} dnx_data;

/* Reads the .data file and its sources, and checks all images in threads. An image is broken when
 * the file or record cannot be read, is empty, or does not start like a JPEG, PNG, BMP or PNM.
 * Broken images are dropped and reported, in order, to broken(arg, name, why), which may be NULL.
 * When more than 1 % are broken, only the first 20 are reported. Files beside identity folders are
 * reported, too.
 *
 * DNX_EOPTION when train= is missing. DNX_EOPTION or DNX_EPARSE when a line is wrong: the message
 * names this line and, in another file, the option that names the file. DNX_EIO when a file cannot
 * be read, a .rec is damaged, there are no images, or more than 1 % are broken. DNX_ESTOP when a
 * signal stopped the scan. DNX_EMEM. */
dnx_status dnx_data_open(const char *file, void (*broken)(void *, const char *, const char *),
                         void *arg, dnx_data **out, dnx_err *err);
/* Like dnx_data_open(), for valid=, but a broken image is only an error when it is read. Also
 * DNX_EOPTION when valid= or classes= is missing, or only some classes have an identity folder. */
dnx_status dnx_data_open_valid(const char *file, void (*broken)(void *, const char *, const char *),
                               void *arg, dnx_data **out, dnx_err *err);
void dnx_data_close(dnx_data *d); /* d may be NULL */

const dnx_source *dnx_data_source(const dnx_data *d, size_t i);
/* Stores the name of image i for messages: its path, or "x.rec, record at byte N". */
void dnx_data_name(const dnx_data *d, size_t i, char *out, size_t size);
/* Returns the bytes of image i; free() them. On failure returns NULL and sets *why to the reason.
 * When only reading failed and the image may be sound, the reason is DNX_UNREAD, and errno is set.
 * Thread safe. */
#define DNX_UNREAD "cannot be read"
unsigned char *dnx_data_bytes(const dnx_data *d, size_t i, size_t *len, const char **why);
/* Returns true unless dnx_data_bytes() fails for image i with DNX_UNREAD. Thread safe. */
bool dnx_data_can_read(const dnx_data *d, size_t i);
/* Tries up to four other images, near and far in the list. Returns true when any of them can be
 * read now: then only image i is missing, not the disk. Thread safe. */
bool dnx_data_others_can_be_read(const dnx_data *d, size_t i);

/* ---- for the files that fill the list ---- */

/* Appends an image; `at` is its element of dnx_data.at. Returns false when memory runs out. */
bool dnx_data_add(dnx_data *d, uint64_t at, int class_of);
/* Like dnx_data_name(), for the image of source s at offset `at`. */
void dnx_source_name(const dnx_data *d, const dnx_source *s, uint64_t at, char *out, size_t size);
static inline dnx_loc dnx_data_at(const dnx_data *d, int line) { return (dnx_loc){d->file, line}; }
#endif
