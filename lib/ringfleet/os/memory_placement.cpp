#include "ringfleet/os/memory_placement.hpp"

#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/os/detail/retry.hpp"
#include "ringfleet/os/file.hpp"

#include <array>
#include <cerrno>
#include <sstream>
#include <string>

#include <fmt/format.h>

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace ringfleet::os {
namespace {

// Linux 5.14; from <linux/mempolicy.h> and newer <sys/mman.h>.
constexpr int madv_populate_read = 22;
constexpr int madv_populate_write = 23;
constexpr int madv_collapse = 25; // Linux 6.1
constexpr int mpol_bind = 2;
constexpr unsigned mpol_mf_strict = 1U << 0;
constexpr unsigned mpol_mf_move = 1U << 1;

constexpr std::uint32_t numa_nodes_max = 1'024;
constexpr std::uint64_t mount_table_bytes_max = 4U << 20;

void bind_to_node(void* address, std::size_t bytes, std::uint32_t node, const std::string& what) {
  const auto path = fmt::format("/sys/devices/system/node/node{}", node);
  if (node >= numa_nodes_max || ::access(path.c_str(), F_OK) != 0) {
    throw Error(ErrorCode::invalid_argument, fmt::format("{}: there is no NUMA node {} on this machine", what, node),
                "see /sys/devices/system/node/online");
  }
  constexpr std::size_t bits = 8 * sizeof(unsigned long);
  std::array<unsigned long, numa_nodes_max / bits> nodes{};
  nodes[node / bits] = 1UL << (node % bits);
  // The kernel reads one bit less than it is told.
  if (::syscall(SYS_mbind, address, bytes, mpol_bind, nodes.data(), numa_nodes_max + 1UL,
                mpol_mf_strict | mpol_mf_move) == 0) {
    return;
  }
  if (errno == ENOSYS) {
    throw Error(ErrorCode::wrong_state, fmt::format("{}: this kernel cannot bind memory to a NUMA node", what),
                "leave out the NUMA node", ENOSYS);
  }
  const int error = errno;
  const auto operation = fmt::format("{}: bind it to NUMA node {}", what, node);
  if (error == EIO) { // only pages that this process alone has mapped are moved
    throw Error(ErrorCode::wrong_state, operation + ": pages of it lie on another node and could not be moved",
                "name the node when the memory is made, before others map it, or leave out the NUMA node", EIO);
  }
  throw Error::from_errno(operation, error,
                          error == EPERM ? "let this container or sandbox call mbind (CAP_SYS_NICE, its seccomp "
                                           "profile), or leave out the NUMA node"
                                         : "");
}

struct statfs file_system_of(int fd, std::string_view name) {
  struct statfs status{};
  if (detail::retry([&] { return ::fstatfs(fd, &status); }) != 0) {
    throw Error::from_errno(fmt::format("look up the file system of '{}'", name), errno);
  }
  return status;
}

constexpr const char* shmem_enabled = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";

// "always within_size [advise] never deny force": the one in force stands in brackets. No such file: no such kernel.
std::string shared_memory_setting() {
  if (::access(shmem_enabled, R_OK) != 0) {
    return "never";
  }
  const auto text = read_text_file(shmem_enabled, page_bytes, "huge page setting");
  const auto begin = text.find('[');
  const auto end = text.find(']');
  return begin < end && end != std::string::npos ? text.substr(begin + 1, end - begin - 1) : "never";
}

// The line of /proc/self/mountinfo of the file's tmpfs. Empty for memory files: the mount that they lie on is the
// kernel's own.
std::string mount_of(int fd, std::string_view name) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) {
    throw Error::from_errno(fmt::format("look up the file system of '{}'", name), errno);
  }
  const auto device = fmt::format(" {}:{} ", major(status.st_dev), minor(status.st_dev));
  std::istringstream mounts(read_text_file("/proc/self/mountinfo", mount_table_bytes_max, "table of mounts"));
  for (std::string line; std::getline(mounts, line);) {
    // "36 35 0:27 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=…,huge=advise"
    const auto place = line.find(device);
    if (place != std::string::npos && place < line.find('/')) {
      return line;
    }
  }
  return {};
}

// MADV_HUGEPAGE is accepted everywhere and ignored where it cannot work, so the conditions are looked up.
void ask_for_huge_pages(int fd, void* address, std::size_t bytes, const std::string& what) {
  const auto type = file_system_of(fd, what).f_type;
  if (type == HUGETLBFS_MAGIC) {
    return;
  }
  const char* advice = "leave out huge pages, or use a file on a hugetlbfs";
  if (type != TMPFS_MAGIC) {
    throw Error(ErrorCode::wrong_state, what + ": its file system has no huge pages", advice);
  }
  if (!has_transparent_huge_pages(fd, what)) {
    const bool is_mounted = !mount_of(fd, what).empty();
    throw Error(ErrorCode::wrong_state,
                what + (is_mounted ? ": its tmpfs is mounted without huge pages"
                                   : ": this kernel keeps shared memory out of huge pages"),
                is_mounted ? std::string("mount it with huge=advise (mount -o remount,huge=advise /dev/shm), or leave "
                                         "out huge pages")
                           : fmt::format("set {} to advise, or leave out huge pages", shmem_enabled));
  }
  if (::madvise(address, bytes, MADV_HUGEPAGE) != 0) {
    throw Error::from_errno(what + ": ask for huge pages", errno, advice);
  }
  // A file's memory was reserved, in small pages, before anybody could ask. Where this kernel cannot join them now, for
  // its age or for want of a free huge page, its khugepaged does so some time later.
  (void)::madvise(address, bytes, madv_collapse);
}

void lock(const void* address, std::size_t bytes, const std::string& what) {
  if (::mlock(address, bytes) == 0) {
    return;
  }
  const int error = errno;
  const bool limited = error == ENOMEM || error == EPERM || error == EAGAIN;
  throw Error(limited ? ErrorCode::no_permission : ErrorCode::system,
              Error::from_errno(fmt::format("{}: lock {} bytes in memory", what, bytes), error).operation(),
              limited ? "raise the limit on locked memory (ulimit -l)" : "", error);
}

} // namespace

std::uint64_t huge_page_bytes_of(int fd, std::string_view name) {
  const auto status = file_system_of(fd, name);
  return status.f_type == HUGETLBFS_MAGIC ? static_cast<std::uint64_t>(status.f_bsize) : 0;
}

bool has_transparent_huge_shared_memory() {
  const auto setting = shared_memory_setting();
  return setting != "never" && setting != "deny";
}

bool has_transparent_huge_pages(int fd, std::string_view name) {
  if (file_system_of(fd, name).f_type != TMPFS_MAGIC) {
    return false;
  }
  const auto setting = shared_memory_setting();
  const auto mount = mount_of(fd, name);
  if (mount.empty() || setting == "deny" || setting == "force") {
    return setting != "never" && setting != "deny";
  }
  const auto said = mount.find("huge=");
  return said != std::string::npos && mount.compare(said, 10, "huge=never") != 0;
}

void place_memory(int fd, std::span<const std::byte> memory, bool writable, const MappingOptions& options,
                  std::string_view name) {
  auto* const address = const_cast<std::byte*>(memory.data());
  const std::string what = fmt::format("place the memory of '{}'", name);
  if (options.numa_node) {
    bind_to_node(address, memory.size(), *options.numa_node, what);
  }
  if (options.huge_pages) {
    ask_for_huge_pages(fd, address, memory.size(), what);
  }
  if (options.prefault && ::madvise(address, memory.size(), writable ? madv_populate_write : madv_populate_read) != 0) {
    throw Error::from_errno(what + ": bring its pages in", errno,
                            errno == EINVAL ? "it takes Linux 5.14 or newer; leave out prefaulting" : "");
  }
  if (options.lock_memory) {
    lock(address, memory.size(), what);
  }
}

} // namespace ringfleet::os
