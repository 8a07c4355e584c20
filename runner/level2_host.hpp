#pragma once

// Modules of ABI level 2: one descriptor symbol, see module.h.

#include "module_host.hpp"

#include <memory>

namespace ringfleet::runner {

// `descriptor` is the address of the module's `ringfleet_module`. Throws LoadError: wrong_abi_version,
// wrong_struct_size, bad_descriptor; the first two before anything beyond the first eight bytes is read.
[[nodiscard]] std::unique_ptr<ModuleHost> make_level2_host(const void* descriptor);

} // namespace ringfleet::runner
