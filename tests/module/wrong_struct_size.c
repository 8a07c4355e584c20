/* A descriptor smaller than the first edition of level 2. */

#include "minimal.h"

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    .abi_version = RINGFLEET_ABI_VERSION,
    .struct_bytes = 24,
    .id = "wrong_struct_size",
    .version = "1.0.0",
    .init = minimal_init,
    .call = minimal_call,
};
