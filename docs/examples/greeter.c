#include <ringfleet/module.h>

#include <stddef.h>

static int init(const ringfleet_services* services, const char* config, uint64_t config_bytes, void** state) {
  (void)services, (void)config, (void)config_bytes, (void)state;
  return RINGFLEET_OK;
}

static int call(void* state, uint32_t method, const void* args, uint64_t bytes, ringfleet_reply* reply) {
  (void)state, (void)method;
  reply->write(reply, "hello ", 6);
  return reply->write(reply, args, bytes);
}

static int shutdown(void* state) {
  (void)state;
  return RINGFLEET_OK;
}

static const ringfleet_method methods[] = {{"greet", 0, RINGFLEET_IDEMPOTENT, "greets whom it is given"}};

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    .abi_version = RINGFLEET_ABI_VERSION,
    .struct_bytes = sizeof(ringfleet_module_v2),
    .id = "greeter",
    .version = "1.0.0",
    .methods = methods,
    .method_count = 1,
    .method_bytes = sizeof(ringfleet_method),
    .init = init,
    .call = call,
    .shutdown = shutdown,
};
