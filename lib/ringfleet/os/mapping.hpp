#pragma once

// Shared memory in this process' address space. Mapped by Boost.Interprocess, which is used in the .cpp only. A mapping
// of a descriptor is left out of forked children (a child that touches it faults, so it can never become a second
// writer) and out of core dumps.

#include "ringfleet/os/fork.hpp"
#include "ringfleet/os/mapping_options.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace ringfleet::os {

enum class Access : std::uint8_t { read_only, read_write };

class Mapping {
public:
  Mapping() noexcept;
  // Maps the first `size_bytes` bytes; the descriptor may be closed afterwards. `name` is used in the error text.
  // Throws Error: no_permission when a seal forbids it, no_memory; wrong_state and others of place_memory() when the
  // machine cannot do what `options` ask.
  Mapping(int fd, std::uint64_t size_bytes, Access access, std::string_view name, const MappingOptions& options = {});
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  // In a forked child nothing is unmapped: the addresses may belong to something else there.
  ~Mapping();

  // Anonymous zeroed memory, page-aligned, for threads and tests. Unlike the others it is shared with forked children.
  [[nodiscard]] static Mapping heap(std::uint64_t size_bytes);

  [[nodiscard]] Access access() const noexcept { return access_; }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return size_bytes_; }
  [[nodiscard]] explicit operator bool() const noexcept { return data_ != nullptr; }

  // Valid as long as this mapping. Writing is an assertion for a read-only mapping.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_, size_bytes_}; }
  [[nodiscard]] std::span<std::byte> writable_bytes() noexcept;

  // Makes whole pages inaccessible in this process for good: a guard. Offset and length must be multiples of the page.
  void protect_none(std::size_t offset, std::size_t length_bytes);

private:
  struct Region;
  Mapping(std::unique_ptr<Region> region, Access access) noexcept;
  std::unique_ptr<Region> region_;
  HomeProcess home_;
  std::byte* data_ = nullptr;
  std::size_t size_bytes_ = 0;
  Access access_ = Access::read_only;
};

} // namespace ringfleet::os
