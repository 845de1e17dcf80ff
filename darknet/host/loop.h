/* loop.h - trains a network with libdarknet's own training loop, and hides darknet.h. */
#ifndef DNX_LOOP_H
#define DNX_LOOP_H
#include "net/net.h"

typedef struct dnx_host dnx_host;

/* Makes *out, which trains net. net must end in a loss and outlive *out. Errors: DNX_EOPTION when
 * libdarknet was built with GPU; DNX_EMEM. */
dnx_status dnx_host_open(dnx_net *net, dnx_host **out, dnx_err *err);
void dnx_host_close(dnx_host *h); /* h may be NULL */

/* Trains on one sub-batch with libdarknet's train_network_datum(), which updates after every
 * `subdivisions` calls. x: B x H x W x C with B = net->batch; truth: B class indices. Returns the
 * mean loss of an image, summed over all loss layers. Advances net->seen. */
double dnx_host_train(dnx_host *h, const float *x, const float *truth);
/* Returns layer i's part of the last result of dnx_host_train(), or 0 when layer i is no loss. */
double dnx_host_loss(const dnx_host *h, int i);
/* Returns the learning rate of the last update, computed by dnx_rate(). libdarknet's own rate is
 * never used, because it is wrong for some policies (net/rate.h). */
float dnx_host_rate(const dnx_host *h);

/* Returns 1 when libdarknet was built without GPU, else 0. A libdarknet with GPU has other structs
 * than darknet.h declares in our build. */
int dnx_host_cpu_build(void);
#endif
