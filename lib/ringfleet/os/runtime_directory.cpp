#include "ringfleet/os/runtime_directory.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/os/descriptor.hpp"
#include "ringfleet/os/detail/retry.hpp"
#include "ringfleet/os/directory.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringfleet::os {
namespace {

bool is_name_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

std::string non_empty_variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

} // namespace

std::string runtime_base_path() {
  if (auto chosen = non_empty_variable("RINGFLEET_DIR"); !chosen.empty()) {
    return chosen;
  }
  if (const auto session = non_empty_variable("XDG_RUNTIME_DIR"); !session.empty()) {
    return session + "/ringfleet";
  }
  const auto uid = ::geteuid();
  return uid == 0 ? "/run/ringfleet" : fmt::format("/tmp/ringfleet-{}", uid);
}

void check_name(std::string_view what, std::string_view name) {
  const auto refuse = [&](const std::string& reason) {
    throw Error(
        ErrorCode::invalid_argument, fmt::format("{} name '{}': {}", what, name, reason),
        fmt::format("use 1 to {} letters, digits, '.', '_' or '-', not beginning with a dot", limits::name_bytes_max));
  };
  if (name.empty()) {
    refuse("it is empty");
  }
  if (name.size() > limits::name_bytes_max) {
    refuse(fmt::format("it has {} bytes", name.size()));
  }
  if (name.front() == '.') {
    refuse("it begins with a dot");
  }
  for (const char c : name) {
    if (!is_name_character(c)) {
      refuse(c >= ' ' && c <= '~' ? fmt::format("it contains '{}'", c)
                                  : fmt::format("it contains the byte {:#04x}", static_cast<unsigned char>(c)));
    }
  }
}

std::string fleet_directory_path(std::string_view fleet) {
  check_name("fleet", fleet);
  return fmt::format("{}/{}", runtime_base_path(), fleet);
}

void verify_private_directory(const std::string& path) {
  const std::string what = fmt::format("use directory '{}'", path);
  const std::string advice = "remove it, or choose another place with RINGFLEET_DIR";
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    throw Error::from_errno(what, errno);
  }
  if (S_ISLNK(status.st_mode)) {
    throw Error(ErrorCode::no_permission, what + ": it is a symbolic link", advice);
  }
  if (!S_ISDIR(status.st_mode)) {
    throw Error(ErrorCode::no_permission, what + ": it is not a directory", advice);
  }
  if (status.st_uid != ::geteuid()) {
    throw Error(ErrorCode::no_permission, fmt::format("{}: it belongs to uid {}", what, status.st_uid), advice);
  }
  if ((status.st_mode & 0077) != 0) {
    throw Error(ErrorCode::no_permission,
                fmt::format("{}: its mode is {:04o}, open to others", what, status.st_mode & 07777),
                "chmod 0700 it if you trust what is in there, or choose another place with RINGFLEET_DIR");
  }
}

void create_private_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    throw Error::from_errno(fmt::format("create directory '{}'", path), errno,
                            "choose another place with RINGFLEET_DIR");
  }
  verify_private_directory(path);
}

std::string create_fleet_directory(std::string_view fleet) {
  auto path = fleet_directory_path(fleet);
  create_private_directory(runtime_base_path());
  create_private_directory(path);
  return path;
}

std::vector<std::string> list_fleets() {
  const auto base = runtime_base_path();
  std::vector<std::string> names;
  try {
    names = list_directory(base);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::not_found) {
      throw;
    }
  }
  std::erase_if(names, [&](const std::string& name) {
    std::error_code ignored; // an entry that vanished meanwhile is simply not listed
    const auto status = std::filesystem::symlink_status(base + "/" + name, ignored);
    return status.type() != std::filesystem::file_type::directory;
  });
  return names;
}

namespace {

[[noreturn]] void refuse_to_remove(const std::string& path) {
  throw Error::from_errno(fmt::format("remove '{}'", path), errno);
}

// Everything in it. On descriptors, so that no link is followed.
void remove_entries(Descriptor directory, const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(directory.get()), &::closedir);
  if (!entries) {
    refuse_to_remove(path);
  }
  (void)directory.release(); // it is closed with `entries`
  const int here = ::dirfd(entries.get());
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." || detail::retry([&] { return ::unlinkat(here, entry->d_name, 0); }) == 0 ||
        errno == ENOENT) {
      continue;
    }
    const std::string its_path = fmt::format("{}/{}", path, name);
    if (errno != EISDIR) {
      refuse_to_remove(its_path);
    }
    Descriptor below(
        detail::retry([&] { return ::openat(here, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }));
    if (!below) {
      refuse_to_remove(its_path);
    }
    remove_entries(std::move(below), its_path);
    if (detail::retry([&] { return ::unlinkat(here, entry->d_name, AT_REMOVEDIR); }) != 0) {
      refuse_to_remove(its_path);
    }
  }
}

} // namespace

// Each call that is interrupted is made again by itself: a walk that began anew each time (std::filesystem's ends with
// the error) might never come to its end.
void remove_tree(const std::string& path) {
  Descriptor directory(
      detail::retry([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }));
  if (!directory) {
    if (errno != ENOENT) {
      refuse_to_remove(path);
    }
    return;
  }
  remove_entries(std::move(directory), path);
  if (detail::retry([&] { return ::rmdir(path.c_str()); }) != 0 && errno != ENOENT) {
    refuse_to_remove(path);
  }
}

} // namespace ringfleet::os
