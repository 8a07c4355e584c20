#pragma once

// An empty directory of this test, removed at its end.

#include "ringfleet/os/runtime_directory.hpp"

#include <cstdlib>
#include <string>

namespace ringfleet::test {

class ScratchDirectory {
public:
  ScratchDirectory() {
    std::string pattern = "/tmp/ringfleet-test-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() { os::remove_tree(path_); }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

private:
  std::string path_;
};

} // namespace ringfleet::test
