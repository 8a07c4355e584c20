/* A descriptor without the required hook `call`. */

#include "minimal.h"

RINGFLEET_EXPORT const ringfleet_module_v2 ringfleet_module = {
    MINIMAL_MODULE("no_call_hook"),
    .init = minimal_init,
};
