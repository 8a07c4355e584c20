/* Needs a function that nobody provides: the dynamic loader refuses it. */

#include "minimal.h"

int provided_by_nobody(void);

static int init(const ringfleet_services* services, const char* config, uint64_t bytes, void** state) {
  minimal_init(services, config, bytes, state);
  return provided_by_nobody();
}

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    MINIMAL_MODULE("undefined_symbol"),
    .init = init,
    .call = minimal_call,
};
