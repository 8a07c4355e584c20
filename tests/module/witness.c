/* Bears witness to what it executes: `tell` appends its eight bytes to a file and answers with them. It must not be
 * repeated: what is executed twice stands there twice. Config: {"file":"PATH"}. */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "minimal.h"

enum { call_bytes = 8, path_bytes = 512 };

static int file = -1;

static int init(const ringfleet_services* services, const char* config, uint64_t bytes, void** state) {
  (void)services;
  *state = &file;
  const char* const begin = memmem(config, bytes, ":\"", 2);
  const char* const end = memrchr(config, '"', bytes);
  char path[path_bytes] = "";
  if (begin == 0 || end <= begin + 2 || end - begin - 2 >= path_bytes) {
    return RINGFLEET_INTERNAL;
  }
  memcpy(path, begin + 2, (size_t)(end - begin - 2));
  file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
  return file < 0 ? RINGFLEET_INTERNAL : RINGFLEET_OK;
}

static int call(void* state, uint32_t method, const void* args, uint64_t bytes, ringfleet_reply* reply) {
  (void)state;
  (void)method;
  if (bytes != call_bytes || write(file, args, bytes) != call_bytes) {
    return RINGFLEET_INTERNAL;
  }
  return reply->write(reply, args, bytes);
}

static const ringfleet_method methods[] = {{"tell", 0, 0, "Appends eight bytes to the file."}};

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    .abi_version = RINGFLEET_ABI_VERSION,
    .struct_bytes = sizeof(ringfleet_module_v2),
    .id = "witness",
    .version = "1.0.0",
    .methods = methods,
    .method_count = 1,
    .method_bytes = sizeof(ringfleet_method),
    .init = init,
    .call = call,
};
