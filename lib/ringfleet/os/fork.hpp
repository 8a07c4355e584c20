#pragma once

// What a fork must not carry along. A child of this process is another process: it has none of the shared mappings
// (they are left out of it), and it must hold none of the locks that say "this process lives", because a lock survives
// in every copy of its descriptor. Leases are therefore closed in a forked child before it runs on, and handles can
// tell that they are in one.
//
// A child made by vfork, posix_spawn or clone runs no handler: close-on-exec closes its copies when it becomes another
// program.

#include "ringfleet/base/process_word.hpp"
#include "ringfleet/os/descriptor.hpp"

#include <cstdint>
#include <memory>

namespace ringfleet::os {

namespace detail {
inline ProcessWord<std::uint32_t> forks;
} // namespace detail

// Any thread, one load. Differs between a process and the children that it forked after watch_forks().
[[nodiscard]] inline std::uint32_t fork_count() noexcept {
  return detail::forks.peek();
}

// Installs the handlers, once per process. Throws Error(no_memory).
void watch_forks();

// Remembers the process it was made in. Copies remember the same.
class HomeProcess {
public:
  HomeProcess() noexcept : forks_(fork_count()) {}
  [[nodiscard]] bool is_here() const noexcept { return forks_ == fork_count(); }

private:
  std::uint32_t forks_;
};

// A descriptor that is proof of life: closed in every forked child. Any thread, one at a time.
class Lease {
public:
  Lease() noexcept;
  // Throws Error(no_memory).
  explicit Lease(Descriptor descriptor);
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease();

  // Negative in a forked child.
  [[nodiscard]] int get() const noexcept;

  struct Node;

private:
  std::unique_ptr<Node> node_;
};

} // namespace ringfleet::os
