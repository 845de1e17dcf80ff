/* netron.h - writes a cfg from which the viewer Netron finds the shapes of all layers. The cfg is
 * only to look at: its sections do not compute what the network computes. */
#ifndef DNX_NETRON_H
#define DNX_NETRON_H
#include "net/net.h"

/* Sets *text to the cfg; free() it. Sets *sections to the number of its sections, without [net].
 * Error: DNX_EMEM. */
dnx_status dnx_netron_cfg(const dnx_net *net, char **text, int *sections, dnx_err *err);
#endif
