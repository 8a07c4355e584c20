/* A module with a private library beside it. */

#include <stdio.h>

#include "minimal.h"

int private_answer(void);

static int call(void* state, uint32_t method, const void* args, uint64_t bytes, ringfleet_reply* reply) {
  (void)state;
  (void)method;
  (void)args;
  (void)bytes;
  char text[16];
  const int length = snprintf(text, sizeof text, "%d", private_answer());
  return reply->write(reply, text, (uint64_t)length);
}

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    MINIMAL_MODULE("uses_private_library"),
    .init = minimal_init,
    .call = call,
};
