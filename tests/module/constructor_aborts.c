/* Dies while it is being loaded, before anybody could look at its descriptor. */

#include <stdlib.h>

#include "minimal.h"

__attribute__((constructor)) static void die(void) {
  abort();
}

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    MINIMAL_MODULE("constructor_aborts"),
    .init = minimal_init,
    .call = minimal_call,
};
