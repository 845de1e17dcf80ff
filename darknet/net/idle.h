/* idle.h - notes about options of a cfg that have no effect or are probably a mistake. */
#ifndef DNX_IDLE_H
#define DNX_IDLE_H
#include "net/net.h"

/* Adds the notes to net->origin.notes. net was built from cfg. */
void dnx_note_idle(dnx_net *net, const dnx_cfg *cfg);
#endif
