/* What a module looks like that was built against a later module.h: descriptor and methods have grown at their ends. */

#include "minimal.h"

struct newer_method {
  ringfleet_method method;
  const char* appended;
};

static const struct newer_method methods[] = {
    {{"echo", 0, RINGFLEET_IDEMPOTENT, 0}, "unknown to this runner"},
    {{"process", 0, 0, 0}, "unknown to this runner"},
};

/* Named apart and exported under the symbol's name, because the header declares the symbol with today's type. */
RINGFLEET_EXPORT const struct {
  ringfleet_module_v2 module;
  void (*appended)(void);
} newer_descriptor __asm__(RINGFLEET_MODULE_SYMBOL) = {
    {
        .abi_version = RINGFLEET_ABI_VERSION,
        .struct_bytes = sizeof(ringfleet_module_v2) + sizeof(void (*)(void)),
        .id = "newer_header",
        .version = "9.0.0",
        .methods = &methods[0].method,
        .method_count = 2,
        .method_bytes = sizeof(struct newer_method),
        .init = minimal_init,
        .call = minimal_call,
    },
    0,
};
