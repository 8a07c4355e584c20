/* Never finishes loading. */

#include <unistd.h>

#include "minimal.h"

__attribute__((constructor)) static void hang(void) {
  for (;;) {
    pause();
  }
}

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    MINIMAL_MODULE("constructor_hangs"),
    .init = minimal_init,
    .call = minimal_call,
};
