/* trainable.h - what a cfg, and a cfg with a set of images, must be to be trained. `classifier
 * train` refuses the same with the same words as `check`. */
#ifndef DNX_TRAINABLE_H
#define DNX_TRAINABLE_H
#include "data/data.h"
#include "net/net.h"

/* Of a network that was built to train. DNX_EOPTION, DNX_ESHAPE, with the line of the option. */
dnx_status dnx_trainable(dnx_net *net, dnx_err *err);
/* The same with its images; batches: how many updates the command asks for, 0: as [net] says. */
dnx_status dnx_trainable_on(dnx_net *net, const dnx_data *data, int batches, dnx_err *err);
#endif
