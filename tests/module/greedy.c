/* Takes all it can get of one thing and never gives it back: `leak_descriptors` answers how many it got, `leak_memory`
 * how many MiB, when it is refused more; `leak_memory_blindly` does not look whether it was. `echo` answers with its
 * arguments, out of its memory at hand. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "minimal.h"

enum { echo, leak_descriptors, leak_memory, leak_memory_blindly };
enum { mebibyte = 1 << 20 };

static unsigned long descriptors_until_refused(void) {
  unsigned long got = 0;
  while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) {
    ++got;
  }
  return got;
}

static unsigned long mebibytes_until_refused(void) {
  unsigned long got = 0;
  for (char* block; (block = malloc(mebibyte)) != 0; ++got) {
    memset(block, 0x5a, mebibyte);
    __asm__ volatile("" : : "r"(block) : "memory"); /* or the compiler would leave it all out */
  }
  return got;
}

static void mebibytes_without_looking(void) {
  for (;;) {
    char* const block = malloc(mebibyte);
    memset(block, 0x5a, mebibyte);
    __asm__ volatile("" : : "r"(block) : "memory");
  }
}

static int call(void* state, uint32_t method, const void* args, uint64_t bytes, ringfleet_reply* reply) {
  (void)state;
  unsigned long got = 0;
  switch (method) {
  case echo: return reply->write(reply, args, bytes);
  case leak_descriptors: got = descriptors_until_refused(); break;
  case leak_memory: got = mebibytes_until_refused(); break;
  default: mebibytes_without_looking();
  }
  char text[24];
  return reply->write(reply, text, (uint64_t)snprintf(text, sizeof text, "%lu", got));
}

static const ringfleet_method methods[] = {
    {"echo", 0, 0, 0}, {"leak_descriptors", 0, 0, 0}, {"leak_memory", 0, 0, 0}, {"leak_memory_blindly", 0, 0, 0}};

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    .abi_version = RINGFLEET_ABI_VERSION,
    .struct_bytes = sizeof(ringfleet_module_v2),
    .id = "greedy",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof methods / sizeof methods[0],
    .method_bytes = sizeof(ringfleet_method),
    .init = minimal_init,
    .call = call,
};
