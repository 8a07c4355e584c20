#include "ringfleet/os/directory.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/descriptor.hpp"
#include "ringfleet/os/detail/retry.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>

#include <fmt/format.h>

#include <dirent.h>
#include <fcntl.h>

namespace ringfleet::os {

std::vector<std::string> list_directory(const std::string& path) {
  const auto failed = [&] { return Error::from_errno(fmt::format("list directory '{}'", path), errno); };
  Descriptor descriptor(
      detail::retry([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK); }));
  if (!descriptor) {
    throw failed();
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(descriptor.get()), ::closedir);
  if (directory == nullptr) {
    throw failed();
  }
  (void)descriptor.release(); // the stream closes it
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* const entry = ::readdir(directory.get())) {
    const std::string_view name(entry->d_name);
    if (name != "." && name != "..") {
      names.emplace_back(name);
    }
    errno = 0;
  }
  if (errno != 0) {
    throw failed();
  }
  std::sort(names.begin(), names.end());
  return names;
}

} // namespace ringfleet::os
