/* init never returns. */

#include <unistd.h>

#include "minimal.h"

static int init(const ringfleet_services* services, const char* config, uint64_t bytes, void** state) {
  minimal_init(services, config, bytes, state);
  while (pause() != 0) {
  }
  return RINGFLEET_OK;
}

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    MINIMAL_MODULE("init_hangs"),
    .init = init,
    .call = minimal_call,
};
