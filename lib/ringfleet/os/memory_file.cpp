#include "ringfleet/os/memory_file.hpp"

#include "ringfleet/base/bits.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/os/file.hpp"
#include "ringfleet/os/memory_placement.hpp"

#include <cerrno>
#include <string>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace ringfleet::os {
namespace {

// Linux 6.3; the headers of Debian 12 do not have them.
constexpr unsigned memfd_noexec_seal = 0x8;
constexpr unsigned memfd_exec = 0x10;

constexpr std::uint32_t size_seals = F_SEAL_SHRINK | F_SEAL_GROW;

// An older kernel refuses a flag it does not know with EINVAL; there the file is merely executable.
Descriptor open_memory_file(const std::string& label, unsigned extra_flag) {
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int fd = ::memfd_create(label.c_str(), flags | extra_flag);
  if (fd < 0 && errno == EINVAL && extra_flag != MFD_HUGETLB) {
    fd = ::memfd_create(label.c_str(), flags);
  }
  if (fd < 0) {
    const int error = errno;
    throw Error::from_errno(fmt::format("create memory file '{}'", label), error,
                            error == EMFILE   ? "raise the limit on open files (ulimit -n)"
                            : error == EINVAL ? "shorten the label to 249 bytes"
                                              : "");
  }
  return Descriptor(fd);
}

void add_seals(int fd, std::uint32_t seals, std::string_view name) {
  if (::fcntl(fd, F_ADD_SEALS, static_cast<int>(seals)) == 0) {
    return;
  }
  const int error = errno;
  const std::string what = fmt::format("seal memory file '{}'", name);
  if (error == EBUSY) {
    throw Error(ErrorCode::wrong_state, what + ": a writable mapping of it exists", "unmap it first", error);
  }
  if (error == EPERM) {
    throw Error(ErrorCode::wrong_state, what + ": it has its final seals already", "create a new one", error);
  }
  throw Error::from_errno(what, error);
}

Descriptor create_sized(std::string_view label, std::uint64_t size_bytes, unsigned exec_flag) {
  const std::string name(label);
  Descriptor file = open_memory_file(name, exec_flag);
  allocate(file.get(), size_bytes, fmt::format("memory file '{}'", name));
  add_seals(file.get(), size_seals, name);
  return file;
}

} // namespace

Descriptor create_memory_file(std::string_view label, std::uint64_t size_bytes) {
  return create_sized(label, size_bytes, memfd_noexec_seal);
}

Descriptor create_huge_memory_file(std::string_view label, std::uint64_t size_bytes) {
  const std::string name(label);
  const char* advice = "raise vm.nr_hugepages, or leave out huge pages";
  Descriptor file = open_memory_file(name, MFD_HUGETLB);
  const auto page = huge_page_bytes_of(file.get(), name);
  try {
    allocate(file.get(), round_up(size_bytes, page), fmt::format("memory file '{}'", name));
  } catch (const Error& error) {
    throw Error(ErrorCode::wrong_state,
                fmt::format("take {} bytes for '{}' from the pool of huge pages: it is too small", size_bytes, name),
                advice, error.errno_value());
  }
  add_seals(file.get(), size_seals, name);
  return file;
}

Descriptor create_executable_memory_file(std::string_view label, std::uint64_t size_bytes) {
  return create_sized(label, size_bytes, memfd_exec);
}

void seal_single_writer(int fd, std::string_view name) {
  add_seals(fd, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL, name);
}

void seal_many_writers(int fd, std::string_view name) {
  add_seals(fd, F_SEAL_SEAL, name);
}

void seal_immutable(int fd, std::string_view name) {
  add_seals(fd, size_seals | F_SEAL_WRITE | F_SEAL_SEAL, name);
}

FileFacts file_facts(int fd, std::string_view name) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) {
    throw Error::from_errno(fmt::format("examine '{}'", name), errno);
  }
  const int seals = ::fcntl(fd, F_GET_SEALS); // EINVAL for a file of a kind that cannot be sealed
  return {
      .size_bytes = static_cast<std::uint64_t>(status.st_size),
      .allocated_bytes = static_cast<std::uint64_t>(status.st_blocks) * 512,
      .seals = seals < 0 ? 0 : static_cast<std::uint32_t>(seals),
      .is_regular = S_ISREG(status.st_mode),
      .owner_uid = status.st_uid,
      .mode = status.st_mode & 07777,
  };
}

bool has_size_seals(std::uint32_t seals) noexcept {
  return (seals & size_seals) == size_seals;
}

bool has_future_write_seal(std::uint32_t seals) noexcept {
  return (seals & (F_SEAL_FUTURE_WRITE | F_SEAL_WRITE)) != 0;
}

bool has_single_writer_seals(std::uint32_t seals) noexcept {
  constexpr std::uint32_t wanted = size_seals | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
  return (seals & wanted) == wanted;
}

} // namespace ringfleet::os
