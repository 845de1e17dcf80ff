/* trainable.h - checks that a cfg, alone or with a set of images, can be trained. `classifier
 * train` and `check` use it, so that both give the same messages. */
#ifndef DNX_TRAINABLE_H
#define DNX_TRAINABLE_H
#include "data/data.h"
#include "net/net.h"

/* Checks a network that was built to train. DNX_EOPTION, DNX_ESHAPE, with the line of the option.
 */
dnx_status dnx_trainable(dnx_net *net, dnx_err *err);
/* Checks a network with its images. batches: updates that the command asks for; 0: max_batches of
 * [net]. */
dnx_status dnx_trainable_on(dnx_net *net, const dnx_data *data, int batches, dnx_err *err);

/* A line for the user when fewer classes have images than classes= says; "" otherwise. */
void dnx_classes_note(const dnx_data *data, char *text, size_t size);

/* Bytes of a network that trains: weights and momentum, the layers' own arrays, outputs and their
 * gradients. */
double dnx_training_bytes(dnx_net *net);
/* DNX_EMEM: that is more than this process may use, the machine's memory or its container's. With
 * swap it may run all the same. */
dnx_status dnx_training_fits(dnx_net *net, dnx_err *err);
#endif
