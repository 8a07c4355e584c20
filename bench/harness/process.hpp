#pragma once

// The other process of a two-process benchmark, and the memory both share.

#include <cstddef>
#include <functional>
#include <new>
#include <type_traits>

#include <sched.h>
#include <sys/types.h>

namespace ringfleet::bench {

// Pins the calling thread; throws Error when the core is not there.
void pin_to(int core);

// Gives the calling thread back, at the end of the scope, the cores it had at the beginning.
class KeepAffinity {
public:
  KeepAffinity() noexcept;
  ~KeepAffinity();
  KeepAffinity(const KeepAffinity&) = delete;
  KeepAffinity& operator=(const KeepAffinity&) = delete;

private:
  cpu_set_t before_{};
};

// A forked child on a core of its own. It dies with its parent. The destructor kills and reaps one that was not joined.
class PeerProcess {
public:
  // Returns when the child is on its core. `body` runs in the child; its exceptions are printed and become exit code 1.
  PeerProcess(int core, const std::function<void()>& body);
  ~PeerProcess();
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  // Waits for the child to end; throws Error unless it exited with 0.
  void join();

  // Throws when the child has ended: a caller that spins on its answer asks now and then.
  void expect_alive();

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

private:
  pid_t pid_ = -1;
};

enum class Pages { at_once, when_touched };

// Zeroed anonymous memory that a child forked later shares, for as long as the object lives.
class SharedMemory {
public:
  explicit SharedMemory(std::size_t bytes, Pages pages = Pages::at_once);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  template <typename T>
  [[nodiscard]] T& as() noexcept {
    static_assert(std::is_trivially_destructible_v<T>);
    return *std::launder(static_cast<T*>(base_));
  }

private:
  void* base_;
  std::size_t bytes_;
};

} // namespace ringfleet::bench
