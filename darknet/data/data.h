/* data.h - reads a .data file and lists its training images. */
#ifndef DNX_DATA_H
#define DNX_DATA_H
#include "data/datafile.h"
#include "data/skipped.h"
#include "dnx.h"

/* train= and valid= have one or several sources, separated by commas:
 *   a folder of identity folders    class = rank of the folder's name in sorted order
 *   NAME.rec, with NAME.idx         class = the record's label (InsightFace, MXNet)
 *   a folder with train.rec         the same; `property` beside it has the number of classes
 *   a list file (list.h)            class = the one in the line; without one, the class whose label
 *                                   (from labels= or names=) occurs in the path
 * The identities of a folder or a .rec get the numbers after the largest class of the sources
 * before it; a list has its own class numbers. Without classes=, or with classes=0, all images are
 * unlabelled: then a folder may hold images directly, and a line of a list needs no class. Names in
 * a .data file are relative to the current folder. */
typedef struct {
    char *path;    /* one of the names in the list */
    size_t first;  /* index of its first image */
    int fd;        /* the open record file, else -1 */
    uint64_t size; /* bytes of the record file */
} dnx_source;

enum { DNX_DATA_MOST_WHOLE = 200000 };

typedef struct {
    dnx_data_opts o;
    char *file;
    const char *key, *from; /* the option that lists the sources, "train" or "valid"; its value */
    int line;               /* its line in the .data file */
    dnx_source *source;     /* in their order */
    int sources;
    char *text; /* all paths, each ended by NUL */
    size_t text_len, text_capacity;
    uint64_t *at;         /* start of image i's path in text, or of its record in the .rec */
    int *class_of;        /* -1 without a class */
    size_t n, capacity;   /* usable images */
    size_t listed;        /* all images, broken ones included */
    size_t broken;        /* the number of images that the scan found broken */
    int ranked;           /* the class after that of the last identity folder */
    size_t loose;         /* files beside the identity folders, which have no class */
    dnx_skipped left_out; /* files of folders that are not images, by name or by content */
    uint64_t content; /* checksum of the bytes and classes of all usable images, in order; it does
                        * not depend on their names or folders */
    bool is_sampled;  /* `content` covers only the size and the first and last bytes of each image,
                        * because there are more than DNX_DATA_MOST_WHOLE images */
} dnx_data;

/* Reads the .data file and its sources, and checks each image in threads: it must exist, have
 * bytes, and start like a JPEG, PNG, BMP or PNM. Other images are dropped and reported, in order,
 * to broken(arg, name, why), which may be NULL; when they are more than 1 %, only the first 20 are
 * reported. Files beside identity folders are reported, too. Files of a folder that have neither
 * the name nor the content of an image are only listed in left_out.
 *
 * DNX_EOPTION, DNX_EPARSE when a line is bad; the message has its file and line, and the line of
 * the .data file that led to it. DNX_EIO when a file cannot be read, a .rec is damaged, there are
 * no images, or more than 1 % of them are broken. DNX_EMEM. */
dnx_status dnx_data_open(const char *file, void (*broken)(void *, const char *, const char *),
                         void *arg, dnx_data **out, dnx_err *err);
/* The same for valid= and without the check of the images: a bad one is an error when it is read.
 * DNX_EOPTION also when valid= or classes= is missing, or not each class has its identity
 * folder. */
dnx_status dnx_data_open_valid(const char *file, void (*broken)(void *, const char *, const char *),
                               void *arg, dnx_data **out, dnx_err *err);
void dnx_data_close(dnx_data *d); /* d may be NULL */

/* The source of image i. */
const dnx_source *dnx_data_source(const dnx_data *d, size_t i);
/* The name of image i in messages: its path, or "x.rec, record at byte N". */
void dnx_data_name(const dnx_data *d, size_t i, char *out, size_t size);
/* Returns the bytes of image i; free() them. On failure returns NULL and sets *why to the reason.
 * The reason is DNX_UNREAD, and errno is set, when reading failed and the image may be sound.
 * Thread safe. */
#define DNX_UNREAD "cannot be read"
unsigned char *dnx_data_bytes(const dnx_data *d, size_t i, size_t *len, const char **why);
/* dnx_data_can_read(): true when image i can be read now. dnx_data_others_can_be_read(): true when
 * some other images, near and far in the list, can be read now; then only i is missing, not the
 * disk. Thread safe. */
bool dnx_data_can_read(const dnx_data *d, size_t i);
bool dnx_data_others_can_be_read(const dnx_data *d, size_t i);

/* ---- for the files that fill the list ---- */

/* Appends an image. Returns false when memory runs out. */
bool dnx_data_add(dnx_data *d, uint64_t at, int class_of);
void dnx_source_name(const dnx_data *d, const dnx_source *s, uint64_t at, char *out, size_t size);
/* A line of the .data file, as the place of an error. */
static inline dnx_loc dnx_data_at(const dnx_data *d, int line) { return (dnx_loc){d->file, line}; }
#endif
