/* Waits until it is let go: `hold` opens the fifo whose path it is given and returns when its last writer has closed
 * it, with no regard for deadlines. So does init with the path in the configuration {"fifo":"PATH"}, once there is
 * such a file. `echo` answers with its arguments. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "minimal.h"

enum { echo, hold };

static void wait_for_writer(const char* path) {
  const int fifo = open(path, O_RDONLY | O_CLOEXEC);
  char byte;
  while (fifo >= 0 && read(fifo, &byte, 1) > 0) {
  }
  close(fifo);
}

static int init(const ringfleet_services* services, const char* config, uint64_t bytes, void** state) {
  (void)services, (void)bytes;
  *state = 0;
  char path[256];
  if (sscanf(config, "{\"fifo\":\"%255[^\"]", path) == 1) {
    wait_for_writer(path);
  }
  return RINGFLEET_OK;
}

static int call(void* state, uint32_t method, const void* args, uint64_t bytes, ringfleet_reply* reply) {
  (void)state;
  char path[256] = {0};
  if (method == hold && bytes < sizeof path) {
    memcpy(path, args, bytes);
    wait_for_writer(path);
  }
  return reply->write(reply, args, bytes);
}

static const ringfleet_method methods[] = {{"echo", 0, 0, 0}, {"hold", 0, 0, 0}};

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    .abi_version = RINGFLEET_ABI_VERSION,
    .struct_bytes = sizeof(ringfleet_module_v2),
    .id = "held",
    .version = "1.0.0",
    .methods = methods,
    .method_count = sizeof methods / sizeof methods[0],
    .method_bytes = sizeof(ringfleet_method),
    .init = init,
    .call = call,
};
