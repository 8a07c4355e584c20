#pragma once

// A file that lies under a name of its own until it is complete, and then appears under the name it is meant for.
// Killed in between it leaves a name that says so ("….new").

#include "ringfleet/os/descriptor.hpp"

#include <cstdint>
#include <string>

namespace ringfleet::memory::detail {

class HiddenFile {
public:
  // Empty, of size 0. Throws Error as os::create_file does.
  HiddenFile(const std::string& path, std::uint32_t mode);
  HiddenFile(const HiddenFile&) = delete;
  HiddenFile& operator=(const HiddenFile&) = delete;
  ~HiddenFile();

  [[nodiscard]] const os::Descriptor& descriptor() const noexcept { return descriptor_; }

  // Throws Error(already_exists): unlike a rename, a link never replaces what is there.
  [[nodiscard]] os::Descriptor appear();

private:
  std::string path_;
  std::string temporary_;
  os::Descriptor descriptor_;
};

} // namespace ringfleet::memory::detail
