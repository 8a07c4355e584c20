/* Two methods that share an id. */

#include <ringfleet/module.h>

#include "minimal.h"

static const ringfleet_method methods[] = {{"first", 7, 0, 0}, {"second", 7, 0, 0}};

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    .abi_version = RINGFLEET_ABI_VERSION,
    .struct_bytes = sizeof(ringfleet_module_v2),
    .id = "same_method_ids",
    .version = "1.0.0",
    .methods = methods,
    .method_count = 2,
    .method_bytes = sizeof(ringfleet_method),
    .init = minimal_init,
    .call = minimal_call,
};
