#pragma once

// The files of a directory while another process writes them: seen, kept, and put back.

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/directory.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringfleet::kill {

// By name. Of what nobody reads but its maker (unfinished files, locks) only the name is told.
using Files = std::map<std::string, std::string>;

class WatchedDirectory {
public:
  // Of the files there, those whose name begins with `prefix`; the others are no matter of ours.
  WatchedDirectory(std::string path, std::string prefix) : path_(std::move(path)), prefix_(std::move(prefix)) {}
  WatchedDirectory(const WatchedDirectory&) = delete;
  WatchedDirectory& operator=(const WatchedDirectory&) = delete;
  ~WatchedDirectory() { forget(); }

  // After every system call of the other process: files come, go, and grow in no other way.
  void look() {
    forget();
    for (const auto& name : names()) {
      std::size_t bytes = 0;
      void* mapped = nullptr;
      if (is_read(name)) {
        const int file = checked(::open(path_of(name).c_str(), O_RDONLY | O_CLOEXEC), name);
        struct stat facts{};
        checked(::fstat(file, &facts), name);
        bytes = static_cast<std::size_t>(facts.st_size);
        mapped = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
        ::close(file);
        checked(mapped == MAP_FAILED ? -1 : 0, name);
      }
      seen_.push_back({name, static_cast<const char*>(mapped), bytes});
    }
  }
  [[nodiscard]] bool is(const Files& files) const {
    auto other = files.begin();
    for (const auto& file : seen_) {
      if (other == files.end() || other->first != file.name || other->second.size() != file.bytes ||
          (file.bytes != 0 && std::memcmp(other->second.data(), file.mapped, file.bytes) != 0)) {
        return false;
      }
      ++other;
    }
    return other == files.end();
  }
  [[nodiscard]] Files copy() const {
    Files files;
    for (const auto& file : seen_) {
      files.emplace(file.name, std::string(file.mapped, file.bytes));
    }
    return files;
  }

  // Whoever has the files open sees them change; those who hold none get new ones.
  void put_back(const Files& files) const {
    for (const auto& name : names()) {
      if (!files.contains(name)) {
        ::unlink(path_of(name).c_str());
      }
    }
    for (const auto& [name, content] : files) {
      const int file = checked(::open(path_of(name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600), name);
      if (!content.empty()) {
        checked(::posix_fallocate(file, 0, static_cast<off_t>(content.size())) == 0 ? 0 : -1, name);
        checked(::pwrite(file, content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()) ? 0 : -1,
                name);
      }
      ::close(file);
    }
  }
  void clear() const { put_back({}); }
  [[nodiscard]] std::vector<std::string> names() const {
    auto names = os::list_directory(path_);
    std::erase_if(names, [this](const std::string& name) { return !name.starts_with(prefix_); });
    return names;
  }

private:
  struct Seen {
    std::string name;
    const char* mapped;
    std::size_t bytes;
  };

  static bool is_read(const std::string& name) { return !name.ends_with(".new") && !name.ends_with("+lock"); }
  static int checked(int result, const std::string& name) {
    if (result < 0) {
      throw Error::from_errno("look at '" + name + "'", errno);
    }
    return result;
  }
  [[nodiscard]] std::string path_of(const std::string& name) const { return path_ + "/" + name; }
  void forget() {
    for (const auto& file : seen_) {
      if (file.mapped != nullptr) {
        ::munmap(const_cast<char*>(file.mapped), file.bytes);
      }
    }
    seen_.clear();
  }

  std::string path_;
  std::string prefix_;
  std::vector<Seen> seen_; // sorted by name
};

} // namespace ringfleet::kill
