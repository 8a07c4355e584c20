#include "ringfleet/os/file_lock.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/detail/retry.hpp"
#include "ringfleet/os/file.hpp"

#include <array>
#include <cerrno>
#include <cstdio>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringfleet::os {
namespace {

struct flock whole_file(short type) noexcept {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

Descriptor open_for_reading(const std::string& path) {
  Descriptor file(detail::retry([&] { return ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK); }));
  if (!file && errno != ENOENT) {
    throw Error::from_errno(fmt::format("open lock file '{}'", path), errno);
  }
  return file;
}

// Open, and locked if nobody stands against it. The lease is made first, so that no fork can copy the lock.
std::optional<Lease> lock_file(const std::string& path, std::uint32_t mode, short type) {
  const std::string what = fmt::format("lock '{}'", path);
  constexpr int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  Descriptor file(detail::retry([&] { return ::open(path.c_str(), flags, mode); }));
  if (!file) {
    throw Error::from_errno(what, errno, errno == ELOOP ? "somebody put a link in its place: remove it" : "");
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) {
    throw Error::from_errno(what, errno);
  }
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid()) {
    throw Error(ErrorCode::no_permission, what + ": it is not a regular file of this user",
                "remove it, or choose another directory with RINGFLEET_DIR");
  }
  Lease lease(std::move(file));
  struct flock lock = whole_file(type);
  if (detail::retry([&] { return ::fcntl(lease.get(), F_OFD_SETLK, &lock); }) != 0) {
    if (errno == EAGAIN || errno == EACCES) {
      return std::nullopt;
    }
    throw Error::from_errno(what, errno);
  }
  return lease;
}

} // namespace

std::optional<FileLock> FileLock::try_acquire(const std::string& path, std::string_view note, std::uint32_t mode) {
  auto lease = lock_file(path, mode, F_WRLCK);
  if (!lease) {
    return std::nullopt;
  }
  FileLock lock(std::move(*lease), path);
  lock.leave_note(note);
  return lock;
}

std::optional<FileLock> FileLock::try_share(const std::string& path, std::uint32_t mode) {
  auto lease = lock_file(path, mode, F_RDLCK);
  return lease ? std::optional(FileLock(std::move(*lease), path)) : std::nullopt;
}

void FileLock::share(std::string_view note) {
  struct flock lock = whole_file(F_RDLCK);
  if (detail::retry([&] { return ::fcntl(lease_.get(), F_OFD_SETLK, &lock); }) != 0) {
    throw Error::from_errno(fmt::format("share the lock '{}'", path_), errno);
  }
  leave_note(note);
}

bool FileLock::is_in_place() const {
  struct stat held{};
  struct stat there{};
  return ::fstat(lease_.get(), &held) == 0 && ::lstat(path_.c_str(), &there) == 0 && held.st_dev == there.st_dev &&
         held.st_ino == there.st_ino;
}

void FileLock::leave_note(std::string_view note) const {
  if (detail::retry([&] { return ::ftruncate(lease_.get(), 0); }) != 0) {
    throw Error::from_errno(fmt::format("lock '{}'", path_), errno);
  }
  write_at(lease_.get(), std::as_bytes(std::span(note)), 0, path_);
}

namespace {

// What stands against a lock of this type: F_RDLCK, F_WRLCK, F_UNLCK for nothing; nothing where there is no file.
std::optional<short> obstacle(const std::string& path, short type) {
  const Descriptor file = open_for_reading(path);
  if (!file) {
    return std::nullopt;
  }
  struct flock lock = whole_file(type);
  if (detail::retry([&] { return ::fcntl(file.get(), F_OFD_GETLK, &lock); }) != 0) {
    throw Error::from_errno(fmt::format("look at the lock of '{}'", path), errno);
  }
  return lock.l_type;
}

} // namespace

FileLock::State FileLock::state_hint(const std::string& path) {
  const auto found = obstacle(path, F_WRLCK);
  return !found ? State::absent : *found == F_UNLCK ? State::free : State::held;
}

bool FileLock::is_exclusive_hint(const std::string& path) {
  return obstacle(path, F_RDLCK).value_or(F_UNLCK) != F_UNLCK;
}

std::string FileLock::note_hint(const std::string& path) {
  const Descriptor file = open_for_reading(path);
  std::array<char, 256> text{};
  const ssize_t length = file ? detail::retry([&] { return ::read(file.get(), text.data(), text.size()); }) : 0;
  return {text.data(), static_cast<std::size_t>(length > 0 ? length : 0)};
}

} // namespace ringfleet::os
