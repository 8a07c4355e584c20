/* The smallest correct level 2 module, for modules that are wrong in one place only: each changes what it wants to. */

#ifndef MINIMAL_H
#define MINIMAL_H

#include <ringfleet/module.h>

#define UNUSED __attribute__((unused))

static UNUSED int minimal_init(const ringfleet_services* services, const char* config, uint64_t bytes, void** state) {
  (void)services;
  (void)config;
  (void)bytes;
  *state = 0;
  return RINGFLEET_OK;
}

static UNUSED int minimal_call(void* state, uint32_t method, const void* args, uint64_t bytes, ringfleet_reply* reply) {
  (void)state;
  (void)method;
  return reply->write(reply, args, bytes);
}

static const UNUSED ringfleet_method minimal_methods[] = {{"echo", 0, RINGFLEET_IDEMPOTENT, 0}};

#define MINIMAL_MODULE(name)                                                                                           \
  .abi_version = RINGFLEET_ABI_VERSION, .struct_bytes = sizeof(ringfleet_module_v2), .id = (name), .version = "1.0.0", \
  .methods = minimal_methods, .method_count = 1, .method_bytes = sizeof(ringfleet_method)

#endif
