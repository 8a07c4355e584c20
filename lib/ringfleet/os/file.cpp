#include "ringfleet/os/file.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/detail/retry.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ringfleet::os {
namespace {

// The caller names how a chunk is read or written; this makes it complete.
template <typename Byte, typename Transfer>
std::size_t transfer_all(std::span<Byte> bytes, std::uint64_t offset, Transfer transfer) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto moved = detail::retry(
        [&] { return transfer(bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done)); });
    if (moved < 0) {
      return done;
    }
    if (moved == 0) {
      errno = 0;
      return done;
    }
    done += static_cast<std::size_t>(moved);
  }
  return done;
}

// Beyond RLIMIT_FSIZE the kernel also sends SIGXFSZ, whose default action kills the process. It is sent to the thread
// that made the call, so it can be held back and taken away here.
class HoldFileSizeSignal {
public:
  HoldFileSizeSignal() noexcept {
    ::sigemptyset(&signal_);
    ::sigaddset(&signal_, SIGXFSZ);
    ::pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  HoldFileSizeSignal(const HoldFileSizeSignal&) = delete;
  HoldFileSizeSignal& operator=(const HoldFileSizeSignal&) = delete;
  ~HoldFileSizeSignal() {
    const int saved = errno;
    const timespec at_once{};
    detail::retry([&] { return ::sigtimedwait(&signal_, nullptr, &at_once); });
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = saved;
  }

private:
  sigset_t signal_{};
  sigset_t before_{};
};

} // namespace

Descriptor try_open(const std::string& path, int flags) noexcept {
  return Descriptor(detail::retry([&] { return ::open(path.c_str(), flags | O_CLOEXEC); }));
}

bool is_there(const std::string& path) {
  if (::access(path.c_str(), F_OK) == 0) {
    return true;
  }
  if (errno != ENOENT && errno != ENOTDIR) {
    throw Error::from_errno(fmt::format("look for '{}'", path), errno);
  }
  return false;
}

Descriptor open_regular_file(const std::string& path, std::string_view what) {
  const std::string operation = fmt::format("open {} '{}'", what, path);
  // O_NONBLOCK: opening a FIFO that nobody writes must not hang; it has no effect on regular files.
  Descriptor file = try_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file) {
    throw Error::from_errno(operation, errno,
                            errno == ENOENT   ? "check the path"
                            : errno == EACCES ? "check owner and mode of the file and its directories"
                            : errno == EMFILE ? "raise the limit on open files (ulimit -n)"
                                              : "");
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) {
    throw Error::from_errno(operation, errno);
  }
  if (S_ISDIR(status.st_mode)) {
    throw Error(ErrorCode::invalid_argument, operation + ": it is a directory", "name a file");
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::invalid_argument, operation + ": it is not a regular file", "name a regular file");
  }
  return file;
}

std::string read_text_file(const std::string& path, std::uint64_t bytes_max, std::string_view what) {
  const auto bytes = read_file(path, bytes_max, what);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<std::byte> read_file(const std::string& path, std::uint64_t bytes_max, std::string_view what) {
  const Descriptor file = open_regular_file(path, what);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) {
    throw Error::from_errno(fmt::format("examine {} '{}'", what, path), errno);
  }
  const auto too_long = [&] {
    return Error(ErrorCode::limit_reached,
                 fmt::format("read {} '{}': it is longer than the limit of {} bytes", what, path, bytes_max));
  };
  if (static_cast<std::uint64_t>(status.st_size) > bytes_max) {
    throw too_long();
  }
  // Files below /proc and /sys report a size of 0, and any file may grow or shrink meanwhile: the end decides.
  std::vector<std::byte> content(static_cast<std::size_t>(status.st_size));
  std::size_t length = 0;
  while (true) {
    if (length == content.size()) {
      content.resize(length + std::max<std::size_t>(4096, length / 8));
    }
    errno = 0;
    const std::size_t wanted = content.size() - length;
    const std::size_t got =
        transfer_all(std::span(content).subspan(length), length, [&](std::byte* to, std::size_t count, off_t offset) {
          return ::pread(file.get(), to, count, offset);
        });
    length += got;
    if (length > bytes_max) {
      throw too_long();
    }
    if (got < wanted) {
      break;
    }
  }
  if (errno != 0) {
    throw Error::from_errno(fmt::format("read {} '{}'", what, path), errno);
  }
  content.resize(length);
  return content;
}

Descriptor create_file(const std::string& path, std::uint64_t size_bytes, std::uint32_t mode) {
  constexpr int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Descriptor file(detail::retry([&] { return ::open(path.c_str(), flags, 0600); }));
  if (!file) {
    throw Error::from_errno(fmt::format("create file '{}'", path), errno,
                            errno == EMFILE ? "raise the limit on open files (ulimit -n)" : "");
  }
  try {
    if (mode != 0600 && ::fchmod(file.get(), mode) != 0) {
      throw Error::from_errno(fmt::format("give file '{}' mode {:04o}", path, mode), errno);
    }
    allocate(file.get(), size_bytes, fmt::format("file '{}'", path));
  } catch (const Error&) {
    ::unlink(path.c_str());
    throw;
  }
  return file;
}

void write_at(int fd, std::span<const std::byte> bytes, std::uint64_t offset, std::string_view name) {
  const HoldFileSizeSignal held;
  const std::size_t done = transfer_all(bytes, offset, [fd](const std::byte* from, std::size_t count, off_t at) {
    return ::pwrite(fd, from, count, at);
  });
  if (done < bytes.size()) {
    throw Error::from_errno(fmt::format("write {} bytes to {}", bytes.size(), name), errno);
  }
}

void read_at(int fd, std::span<std::byte> bytes, std::uint64_t offset, std::string_view name) {
  const std::size_t done = transfer_all(
      bytes, offset, [fd](std::byte* to, std::size_t count, off_t at) { return ::pread(fd, to, count, at); });
  if (done < bytes.size()) {
    if (errno == 0) {
      throw Error(ErrorCode::invalid_argument, fmt::format("read {} bytes at offset {} of {}: it ends after {}",
                                                           bytes.size(), offset, name, offset + done));
    }
    throw Error::from_errno(fmt::format("read {} bytes of {}", bytes.size(), name), errno);
  }
}

void allocate(int fd, std::uint64_t size_bytes, std::string_view name) {
  if (size_bytes == 0) {
    return; // posix_fallocate refuses a length of 0
  }
  const HoldFileSizeSignal held;
  int error = EINTR;
  while (error == EINTR) {
    error = ::posix_fallocate(fd, 0, static_cast<off_t>(size_bytes));
  }
  if (error != 0) {
    const bool limited = error == EFBIG;
    throw Error(error == ENOSPC || error == ENOMEM || limited ? ErrorCode::no_memory : ErrorCode::system,
                Error::from_errno(fmt::format("allocate {} bytes for {}", size_bytes, name), error).operation(),
                limited ? "raise the file size limit (ulimit -f)" : "free some memory or disk space, or ask for less",
                error);
  }
}

} // namespace ringfleet::os
