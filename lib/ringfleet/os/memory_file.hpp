#pragma once

// Anonymous memory files (memfd) and their seals. A file is allocated in full when it is created, so that a lack of
// memory is an error here and never a SIGBUS later, and its size is sealed from the first moment.
//
// The seals of a one-writer segment: SHRINK and GROW (nobody truncates under a reader), FUTURE_WRITE (the mappings that
// exist keep writing, no further one can be made, and holes cannot be punched), SEAL (nothing can be added later that
// would lock the writer out).

#include "ringfleet/os/descriptor.hpp"

#include <cstdint>
#include <string_view>

namespace ringfleet::os {

// Any thread. `label` shows up in /proc/PID/maps; no two need to differ. Not executable where the kernel can enforce
// that. Throws Error: no_memory when the memory does not exist or RLIMIT_FSIZE is too small, no_descriptors.
[[nodiscard]] Descriptor create_memory_file(std::string_view label, std::uint64_t size_bytes);

// The same from the machine's pool of huge pages, rounded up to whole ones. Throws Error: wrong_state when the pool is
// too small or there is none.
[[nodiscard]] Descriptor create_huge_memory_file(std::string_view label, std::uint64_t size_bytes);

// The same, but dlopen can load its content.
[[nodiscard]] Descriptor create_executable_memory_file(std::string_view label, std::uint64_t size_bytes);

// Adds FUTURE_WRITE and SEAL: from now on only the mappings that exist can write. `name` is used in the error text.
void seal_single_writer(int fd, std::string_view name);

// Adds SEAL only: several processes will write it, and none can lock the others out.
void seal_many_writers(int fd, std::string_view name);

// Adds WRITE and SEAL: the content is final. Refused by the kernel (wrong_state) while a writable mapping exists.
void seal_immutable(int fd, std::string_view name);

struct FileFacts {
  std::uint64_t size_bytes = 0;
  std::uint64_t allocated_bytes = 0; // less than size_bytes: sparse
  std::uint32_t seals = 0;           // F_SEAL_* bits; 0 for a file that cannot be sealed
  bool is_regular = false;
  std::uint32_t owner_uid = 0;
  std::uint32_t mode = 0; // permission bits
};

[[nodiscard]] FileFacts file_facts(int fd, std::string_view name);

[[nodiscard]] bool has_size_seals(std::uint32_t seals) noexcept;          // SHRINK and GROW
[[nodiscard]] bool has_future_write_seal(std::uint32_t seals) noexcept;   // no new writable mapping possible
[[nodiscard]] bool has_single_writer_seals(std::uint32_t seals) noexcept; // SHRINK, GROW, SEAL and FUTURE_WRITE

} // namespace ringfleet::os
