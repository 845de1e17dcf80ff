/* sampler.h - chooses the images of each sub-batch. The choice depends only on the seed and on the
 * number of the sub-batch in the run. */
#ifndef DNX_SAMPLER_H
#define DNX_SAMPLER_H
#include "data/data.h"
#include "net/net.h"

enum { DNX_PERMUTATION, DNX_BALANCED }; /* values of [net] sampler= */

typedef struct dnx_sampler dnx_sampler;

/* Checks the options sampler=, identities= and images= of [net]. Errors: DNX_EOPTION. */
dnx_status dnx_sampler_check_net(const dnx_net *net, dnx_err *err);
/* Like dnx_sampler_check_net(), but also returns DNX_EOPTION when too few classes of d have images.
 * Other errors: DNX_EMEM. */
dnx_status dnx_sampler_check(const dnx_data *d, const dnx_net *net, dnx_err *err);
/* Call dnx_sampler_check() first. d must outlive the sampler. Returns NULL when memory runs out. */
dnx_sampler *dnx_sampler_new(const dnx_data *d, const dnx_net *net, uint64_t seed);
void dnx_sampler_free(dnx_sampler *s); /* s may be NULL */

/* Stores in image[] the indices of the net->batch images of the sub-batch that begins with image
 * `first` of the run. Not thread safe.
 *
 * sampler=permutation: each epoch is a permutation of the list, drawn from (seed, epoch).
 *
 * sampler=balanced: a sub-batch has `images` images of each of `identities` identities, one
 * identity after the other. An identity with fewer images repeats them. */
void dnx_sampler_pick(dnx_sampler *s, uint64_t first, uint32_t *image);
/* Returns the image to try in place of `image`. With sampler=balanced, images of the same identity
 * come first. tries: the number of the attempt, from 1. Thread safe. */
size_t dnx_sampler_instead(const dnx_sampler *s, size_t image, size_t tries);
#endif
