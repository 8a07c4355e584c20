#pragma once

// Whole regular files: read with a size limit, create without following anything that was planted, and positioned
// reads and writes that are complete or an error.

#include "ringfleet/os/descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringfleet::os {

// Each throws Error naming `what` and the path: not_found, no_permission, invalid_argument (a directory or another kind
// of file), limit_reached (longer than `bytes_max`). Symbolic links are followed: the path is the user's.
[[nodiscard]] std::vector<std::byte> read_file(const std::string& path, std::uint64_t bytes_max, std::string_view what);
[[nodiscard]] std::string read_text_file(const std::string& path, std::uint64_t bytes_max, std::string_view what);

// Opens for reading under the same conditions, without reading.
[[nodiscard]] Descriptor open_regular_file(const std::string& path, std::string_view what);

// open(2) without creating, close-on-exec, made again when a signal interrupts it. Empty when it fails; errno says why.
[[nodiscard]] Descriptor try_open(const std::string& path, int flags) noexcept;

// Is there anything of this name? What cannot be looked at is an Error (no_memory, no_permission) and not an absence:
// somebody might put another one in its place.
[[nodiscard]] bool is_there(const std::string& path);

// A new file, allocated in full; `mode` is what it gets, whatever the umask. Throws Error: already_exists for anything
// in its place, links included; no_memory, and then the file is gone again.
[[nodiscard]] Descriptor create_file(const std::string& path, std::uint64_t size_bytes, std::uint32_t mode = 0600);

// Complete or Error; `name` is used in the error text. Reading past the end is Error(invalid_argument).
void write_at(int fd, std::span<const std::byte> bytes, std::uint64_t offset, std::string_view name);
void read_at(int fd, std::span<std::byte> bytes, std::uint64_t offset, std::string_view name);

// Reserves real space for the first `size_bytes` bytes, so that a lack of it is Error(no_memory) now and never SIGBUS.
void allocate(int fd, std::uint64_t size_bytes, std::string_view name);

} // namespace ringfleet::os
