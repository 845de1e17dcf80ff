/* sampler.h - which images make up a sub-batch. Everything follows from the seed and the number of
 * the sub-batch in the run. */
#ifndef DNX_SAMPLER_H
#define DNX_SAMPLER_H
#include "data/data.h"
#include "net/net.h"

enum { DNX_PERMUTATION, DNX_BALANCED }; /* [net] sampler= */

typedef struct dnx_sampler dnx_sampler;

/* DNX_EOPTION: identities x images is not net->batch, no classes, too few identities. */
/* Of the network alone. */
dnx_status dnx_sampler_check_net(const dnx_net *net, dnx_err *err);
dnx_status dnx_sampler_check(const dnx_data *d, const dnx_net *net, dnx_err *err);
/* A sampler that passed the check; NULL: no memory. d must outlive it. */
dnx_sampler *dnx_sampler_new(const dnx_data *d, const dnx_net *net, uint64_t seed);
void dnx_sampler_free(dnx_sampler *s); /* s may be NULL */

/* The images of a sub-batch of B that starts with image `first` of the run.
 * permutation: image p of the run is number p mod n of epoch p / n; an epoch is a permutation of
 * the list drawn from (seed, epoch).
 * balanced: B = identities x images, those of one identity side by side. A round is a permutation
 * of the identities drawn from (seed, round), cut into sub-batches; the rest is left out. An
 * identity shows the images of its own permutation, drawn from (seed, identity, turn), in groups
 * of `images`; one with fewer images repeats them. Not thread safe. */
void dnx_sampler_pick(dnx_sampler *s, uint64_t first, uint32_t *image);
/* What replaces an image that cannot be decoded, at the `tries`th try from 1: the next of the same
 * identity when balanced and it has more, else the next of the list. Thread safe. */
size_t dnx_sampler_instead(const dnx_sampler *s, size_t image, size_t tries);
#endif
