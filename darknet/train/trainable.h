/* trainable.h - checks that a cfg, alone or with a set of images, can be trained. `classifier
 * train` and `check` use it, so that both give the same messages. */
#ifndef DNX_TRAINABLE_H
#define DNX_TRAINABLE_H
#include "data/data.h"
#include "net/net.h"

/* Checks a network that was built to train. DNX_EOPTION, DNX_ESHAPE: the message has the line of
 * the option. */
dnx_status dnx_trainable(dnx_net *net, dnx_err *err);
/* Checks a network with its images. batches: the updates of the command line, or 0 for max_batches
 * of [net]. */
dnx_status dnx_trainable_on(dnx_net *net, const dnx_data *data, int batches, dnx_err *err);

/* Lines for the user when the images have fewer classes than a loss of the network, and when fewer
 * classes have images than classes= says; else "". Give it 800 bytes. */
void dnx_classes_note(const dnx_net *net, const dnx_data *data, char *text, size_t size);

/* The bytes that a network needs to train: weights and momentum, the layers' own arrays, outputs
 * and their gradients. */
double dnx_training_bytes(dnx_net *net);
/* DNX_EMEM when this is more than the memory of the machine or of its container. With swap the
 * training may run nevertheless. */
dnx_status dnx_training_fits(dnx_net *net, dnx_err *err);
#endif
