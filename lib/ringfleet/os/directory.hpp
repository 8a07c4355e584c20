#pragma once

// What is in a directory. Unlike the standard library's iterator it goes on when a signal interrupts it.

#include <string>
#include <vector>

namespace ringfleet::os {

// Names without "." and "..", sorted. They may be gone, or others there, by the time the caller looks. Throws Error
// (not_found, no_permission, no_descriptors, no_memory).
[[nodiscard]] std::vector<std::string> list_directory(const std::string& path);

} // namespace ringfleet::os
