/* A module of an ABI that does not exist yet. */

#include "minimal.h"

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    .abi_version = 77,
    .struct_bytes = sizeof(ringfleet_module_v2),
    .id = "wrong_abi_version",
    .version = "1.0.0",
    .init = minimal_init,
    .call = minimal_call,
};
