/* Counts its own hooks. `counts` answers "init=N calls=N"; shutdown prints "shutdown=N thread=same|other" to stdout.
 * Config {"hang": …}, that is anything containing "hang": shutdown never returns. */

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "minimal.h"

static unsigned inits;
static unsigned calls;
static unsigned shutdowns;
static int hangs;
static pthread_t worker;

static int init(const ringfleet_services* services, const char* config, uint64_t bytes, void** state) {
  (void)services;
  *state = &inits;
  ++inits;
  hangs = memmem(config, bytes, "hang", 4) != 0;
  worker = pthread_self();
  return RINGFLEET_OK;
}

static int call(void* state, uint32_t method, const void* args, uint64_t bytes, ringfleet_reply* reply) {
  (void)method;
  (void)args;
  (void)bytes;
  if (state != &inits || !pthread_equal(worker, pthread_self())) {
    return RINGFLEET_INTERNAL;
  }
  char text[64];
  const int length = snprintf(text, sizeof text, "init=%u calls=%u", inits, ++calls);
  return reply->write(reply, text, (uint64_t)length);
}

static int shut_down(void* state) {
  ++shutdowns;
  printf("shutdown=%u thread=%s\n", shutdowns,
         state == &inits && pthread_equal(worker, pthread_self()) ? "same" : "other");
  fflush(stdout);
  while (hangs) {
    pause();
  }
  return RINGFLEET_OK;
}

static const ringfleet_method methods[] = {{"counts", 0, 0, "How often init and call have run."}};

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    .abi_version = RINGFLEET_ABI_VERSION,
    .struct_bytes = sizeof(ringfleet_module_v2),
    .id = "init_counter",
    .version = "1.0.0",
    .methods = methods,
    .method_count = 1,
    .method_bytes = sizeof(ringfleet_method),
    .init = init,
    .call = call,
    .shutdown = shut_down,
};
