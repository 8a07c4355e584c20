#include "ringfleet/memory/detail/hidden_file.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/process_word.hpp"
#include "ringfleet/os/file.hpp"

#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include <unistd.h>

namespace ringfleet::memory::detail {
namespace {

std::string temporary_name(const std::string& path) {
  static ProcessWord<std::uint32_t> count;
  return fmt::format("{}+{}-{}.new", path, ::getpid(), count.add(1));
}

} // namespace

HiddenFile::HiddenFile(const std::string& path, std::uint32_t mode) : path_(path), temporary_(temporary_name(path)) {
  ::unlink(temporary_.c_str()); // debris of an earlier process with this pid
  descriptor_ = os::create_file(temporary_, 0, mode);
}

HiddenFile::~HiddenFile() {
  ::unlink(temporary_.c_str());
}

os::Descriptor HiddenFile::appear() {
  if (::link(temporary_.c_str(), path_.c_str()) != 0) {
    throw Error::from_errno(fmt::format("put segment '{}' into place", path_), errno,
                            errno == EEXIST ? "remove it if its owner is dead" : "");
  }
  return std::move(descriptor_);
}

} // namespace ringfleet::memory::detail
