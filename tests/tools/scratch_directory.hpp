#pragma once

// A directory of a test's own, gone with the test. Short, because sockets are made in it.

#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

namespace ringfleet::tests {

class ScratchDirectory {
public:
  explicit ScratchDirectory(const std::string& name)
      : root_(std::filesystem::temp_directory_path() / ("rf-" + name + "-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    std::filesystem::permissions(root_, std::filesystem::perms::owner_all);
  }
  ~ScratchDirectory() {
    std::error_code error;
    std::filesystem::remove_all(root_, error);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  [[nodiscard]] std::string path() const { return root_.string(); }
  [[nodiscard]] std::string path(const std::string& below) const { return (root_ / below).string(); }

  void write(const std::string& below, const std::string& text) const {
    std::filesystem::create_directories((root_ / below).parent_path());
    std::ofstream(root_ / below, std::ios::binary) << text;
  }

private:
  std::filesystem::path root_;
};

} // namespace ringfleet::tests
