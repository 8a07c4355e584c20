/* init refuses with a code of its own. */

#include <stdlib.h>

#include "minimal.h"

static int init(const ringfleet_services* services, const char* config, uint64_t bytes, void** state) {
  (void)config;
  (void)bytes;
  *state = 0;
  services->log(services->context, RINGFLEET_LOG_ERROR, "no database", 11);
  return 42;
}

/* Not called after a failed init; were it, the exit code would tell. */
static int shut_down(void* state) {
  (void)state;
  _Exit(99);
}

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    MINIMAL_MODULE("init_fails"),
    .init = init,
    .call = minimal_call,
    .shutdown = shut_down,
};
