/* Writes where it should not: `scribble` takes three words, from, step, count, and writes garbage into `count` words,
 * the first one `from` bytes behind the beginning of its reply, each `step` bytes behind the one before. `echo` answers
 * with its arguments. */

#include <string.h>

#include "minimal.h"

enum { echo, scribble };

static int call(void* state, uint32_t method, const void* args, uint64_t bytes, ringfleet_reply* reply) {
  (void)state;
  int64_t place[3];
  if (method == echo || bytes != sizeof place) {
    return reply->write(reply, args, bytes);
  }
  memcpy(place, args, sizeof place);
  char* to = (char*)reply->reserve(reply, 1) + place[0];
  for (int64_t word = 0; word < place[2]; ++word, to += place[1]) {
    *(uint64_t*)(void*)to = 0x9e3779b97f4a7c15u + (uint64_t)word;
    __asm__ __volatile__("" : : "r"(to) : "memory"); /* each in its turn, whatever it hits */
  }
  return RINGFLEET_OK;
}

static const ringfleet_method methods[] = {{"echo", 0, 0, 0}, {"scribble", 0, 0, 0}};

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    .abi_version = RINGFLEET_ABI_VERSION,
    .struct_bytes = sizeof(ringfleet_module_v2),
    .id = "wild_writer",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof methods / sizeof methods[0],
    .method_bytes = sizeof(ringfleet_method),
    .init = minimal_init,
    .call = call,
};
