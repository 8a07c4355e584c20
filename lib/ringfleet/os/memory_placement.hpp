#pragma once

// Fulfils the wishes of MappingOptions on memory that is mapped already. Each is a question to this machine, so each
// refusal names what it lacks and how to get it.

#include "ringfleet/os/mapping_options.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace ringfleet::os {

// `memory`: whole pages of the file `fd`. `writable`: of the mapping. `name` is used in error texts. Blocks for as long
// as the kernel needs to bring the pages in. Throws Error: wrong_state (this machine or this file system cannot, or the
// pages lie on another node and others have them mapped), invalid_argument (no such node), no_permission (limit on
// locked memory; a sandbox without mbind), no_memory.
void place_memory(int fd, std::span<const std::byte> memory, bool writable, const MappingOptions& options,
                  std::string_view name);

// The size of the file system's huge pages when the file lies on a hugetlbfs (or is a memory file of that kind), else
// 0. The size of such a file is a multiple of it, and write(2) does not work on it.
[[nodiscard]] std::uint64_t huge_page_bytes_of(int fd, std::string_view name);

// Does this kernel put memory files into huge pages when asked to (shmem_enabled)?
[[nodiscard]] bool has_transparent_huge_shared_memory();
// The same of a file on a tmpfs, such as /dev/shm: there the mount says it (huge=). Of a file elsewhere: false.
[[nodiscard]] bool has_transparent_huge_pages(int fd, std::string_view name);

} // namespace ringfleet::os
