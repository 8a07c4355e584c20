#pragma once

// Reads and checks the descriptor of a level 2 module. Versions and sizes first; nothing of a module that fails them is
// looked at any further, and none of its functions is called.

#include "module.h"

#include "ringfleet/call/handshake.hpp"

namespace ringfleet::runner {

// A copy that is safe to use: fields beyond the module's struct_bytes are zero, unknown ones are dropped. Throws
// LoadError: wrong_abi_version, wrong_struct_size.
[[nodiscard]] ringfleet_module_v2 read_descriptor(const void* descriptor);

// Throws LoadError(bad_descriptor): the metadata or the method table is not allowed.
[[nodiscard]] call::ModuleDescription describe(const ringfleet_module_v2& module);

} // namespace ringfleet::runner
