#pragma once

// Looks at a module's file before the dynamic loader does. A truncated file would kill the process inside dlopen (the
// loader maps bytes that are not there: SIGBUS), and the loader's own texts do not tell the cases apart.

#include <cstddef>
#include <span>

namespace ringfleet::runner {

// Throws LoadError: not_elf, truncated, wrong_machine, not_shared_object. Reads headers only; a file that passes may
// still be corrupt inside.
void inspect_artifact(std::span<const std::byte> file);

} // namespace ringfleet::runner
