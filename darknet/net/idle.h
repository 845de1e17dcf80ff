/* idle.h - options that a cfg gives and that have no effect beside its others. */
#ifndef DNX_IDLE_H
#define DNX_IDLE_H
#include "net/net.h"

/* Adds a note to net->origin.notes for each, with its line. net is built from cfg. */
void dnx_note_idle(dnx_net *net, const dnx_cfg *cfg);
#endif
