/* Loads and initialises, and says of itself that it is not well. */

#include "minimal.h"

static int health(void* state, ringfleet_reply* reply) {
  (void)state;
  reply->write(reply, "the database is read-only", 25);
  return 7;
}

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    MINIMAL_MODULE("probe_fails"),
    .init = minimal_init,
    .call = minimal_call,
    .health = health,
};
