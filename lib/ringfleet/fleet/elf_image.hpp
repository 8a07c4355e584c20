#pragma once

// Is this file a shared object that dlopen can try? Nothing of the file is executed or trusted: header, machine, and
// that every segment and the section table lie inside the file. dlopen on a truncated file dies of SIGBUS instead of
// refusing; a file that passes here can still be bad in a thousand ways, which is the runner's risk to take.

#include <cstddef>
#include <span>
#include <string_view>

namespace ringfleet::fleet {

// Throws Error(bad_module) naming the file and the first thing that is wrong.
void check_elf_image(std::span<const std::byte> image, std::string_view file);

} // namespace ringfleet::fleet
