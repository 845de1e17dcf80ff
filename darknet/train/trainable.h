/* trainable.h - checks that a cfg, alone or with a set of images, can be trained. `classifier
 * train` and `check` use these functions, so that both give the same messages. */
#ifndef DNX_TRAINABLE_H
#define DNX_TRAINABLE_H
#include "data/data.h"
#include "net/net.h"

/* Checks a network that was built to train. Returns DNX_EOPTION or DNX_ESHAPE; for an option of
 * [net] or a layer, the message has the line. */
dnx_status dnx_trainable(dnx_net *net, dnx_err *err);
/* Checks a network with its images. batches: the updates of the command line, or 0 for max_batches
 * of [net]. Returns the errors of dnx_trainable() and dnx_batches_check(); DNX_EMEM. */
dnx_status dnx_trainable_on(dnx_net *net, const dnx_data *data, int batches, dnx_err *err);

/* Writes lines for the user to text: when the images have fewer classes than a loss of the network,
 * and when classes have no images. Writes "" when neither holds. text: at least 800 bytes. */
void dnx_classes_note(const dnx_net *net, const dnx_data *data, char *text, size_t size);

/* Returns the bytes that a network needs to train: weights, momentum and with ema= the average, the
 * layers' own arrays, outputs and their gradients. */
double dnx_training_bytes(dnx_net *net);
/* Returns DNX_EMEM when dnx_training_bytes() is more than the memory of the machine or of its
 * container. With swap the training may run nevertheless. */
dnx_status dnx_training_fits(dnx_net *net, dnx_err *err);
#endif
