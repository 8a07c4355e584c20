/* The installed spelling <ringfleet/module.h> for builds against the source tree: -I runner/include. Not installed. */

#ifndef RINGFLEET_MODULE_H_FORWARD
#define RINGFLEET_MODULE_H_FORWARD

#include "../../module.h"

#endif
