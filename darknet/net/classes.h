/* classes.h - the number of classes of a trained network whose cfg says classes=auto. */
#ifndef DNX_CLASSES_H
#define DNX_CLASSES_H
#include "net/net.h"

/* Returns the number of classes with which the network of the cfg file has exactly as many floats
 * as the weights file. Returns 0 when no section has classes=auto, a file cannot be read, or no
 * number fits. how: as the network will be built; it may have a student. */
int dnx_classes_in(const char *cfg, const char *weights, const dnx_build *how);
#endif
