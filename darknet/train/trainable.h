/* trainable.h - checks that a cfg, alone or with a set of images, can be trained. */
#ifndef DNX_TRAINABLE_H
#define DNX_TRAINABLE_H
#include "data/data.h"
#include "net/net.h"

/* Checks a network that was built to train. Errors: DNX_EOPTION, DNX_ESHAPE. */
dnx_status dnx_trainable(dnx_net *net, dnx_err *err);
/* Checks a network with its images. batches: the number of updates that the command line gives, or
 * 0 to use max_batches of [net]. Returns the errors of dnx_trainable() and dnx_batches_check();
 * DNX_EMEM. */
dnx_status dnx_trainable_on(dnx_net *net, const dnx_data *data, int batches, dnx_err *err);

/* Writes a warning to `text` when the network has classes that the data lacks, or when classes have
 * no image; else writes "". size must be at least 800. */
void dnx_classes_note(const dnx_net *net, const dnx_data *data, char *text, size_t size);

/* Returns the bytes that a network needs to train. */
double dnx_training_bytes(dnx_net *net);
/* Returns DNX_EMEM when training needs more than the memory of the machine or its container. */
dnx_status dnx_training_fits(dnx_net *net, dnx_err *err);
#endif
