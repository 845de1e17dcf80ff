/* sampler.h - chooses the images of each sub-batch. The choice depends only on the seed and on the
 * number of the sub-batch in the run. */
#ifndef DNX_SAMPLER_H
#define DNX_SAMPLER_H
#include "data/data.h"
#include "net/net.h"

enum { DNX_PERMUTATION, DNX_BALANCED }; /* [net] sampler= */

typedef struct dnx_sampler dnx_sampler;

/* Checks the network, before its data is known. DNX_EOPTION when identities x images is not
 * net->batch, or one of these options is given without sampler=balanced. */
dnx_status dnx_sampler_check_net(const dnx_net *net, dnx_err *err);
/* Checks the network and the data. DNX_EOPTION: also when the images have no classes, or too few
 * identities; DNX_EMEM. */
dnx_status dnx_sampler_check(const dnx_data *d, const dnx_net *net, dnx_err *err);
/* Makes a sampler for a network and data that have passed dnx_sampler_check(). d must outlive it.
 * NULL when memory runs out. */
dnx_sampler *dnx_sampler_new(const dnx_data *d, const dnx_net *net, uint64_t seed);
void dnx_sampler_free(dnx_sampler *s); /* s may be NULL */

/* Chooses the images of the sub-batch that starts with image `first` of the run.
 *
 * permutation: image p of the run is image p mod n of epoch p / n. An epoch is a permutation of the
 * list, drawn from (seed, epoch).
 *
 * balanced: a sub-batch has `identities` x `images` images, those of one identity side by side. A
 * round is a permutation of the identities, drawn from (seed, round) and cut into sub-batches; the
 * remainder is left out. The images of an identity are permuted, too, by (seed, identity, turn),
 * and taken in groups of `images`; an identity with fewer images repeats them.
 *
 * Not thread safe. */
void dnx_sampler_pick(dnx_sampler *s, uint64_t first, uint32_t *image);
/* Returns the image that replaces one that cannot be decoded; `tries` counts the attempts from 1.
 * It is the next image of the same identity when sampling is balanced and there is one, else the
 * next image of the list. Thread safe. */
size_t dnx_sampler_instead(const dnx_sampler *s, size_t image, size_t tries);
#endif
