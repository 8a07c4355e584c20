#include "ringfleet/os/memory_placement.hpp"

#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/os/detail/retry.hpp"
#include "ringfleet/os/file.hpp"

#include <array>
#include <cerrno>
#include <string>

#include <fmt/format.h>

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace ringfleet::os {
namespace {

// Linux 5.14; from <linux/mempolicy.h> and newer <sys/mman.h>.
constexpr int madv_populate_read = 22;
constexpr int madv_populate_write = 23;
constexpr int mpol_bind = 2;
constexpr unsigned mpol_mf_strict = 1U << 0;
constexpr unsigned mpol_mf_move = 1U << 1;

constexpr std::uint32_t numa_nodes_max = 1'024;

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
  throw Error::from_errno(fmt::format("{}: bind it to NUMA node {}", what, node), errno);
}

struct statfs file_system_of(int fd, std::string_view name) {
  struct statfs status{};
  if (detail::retry([&] { return ::fstatfs(fd, &status); }) != 0) {
    throw Error::from_errno(fmt::format("look up the file system of '{}'", name), errno);
  }
  return status;
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
  if (!has_transparent_huge_shared_memory()) {
    throw Error(ErrorCode::wrong_state, what + ": this kernel keeps shared memory out of huge pages",
                "set /sys/kernel/mm/transparent_hugepage/shmem_enabled to advise, or leave out huge pages");
  }
  if (::madvise(address, bytes, MADV_HUGEPAGE) != 0) {
    throw Error::from_errno(what + ": ask for huge pages", errno, advice);
  }
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
  // "always within_size [advise] never deny force": the one in force stands in brackets. No such file: no such kernel.
  constexpr const char* path = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
  if (::access(path, R_OK) != 0) {
    return false;
  }
  const auto text = read_text_file(path, page_bytes, "huge page setting");
  return text.find('[') != std::string::npos && text.find("[never]") == std::string::npos &&
         text.find("[deny]") == std::string::npos;
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
