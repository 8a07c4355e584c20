#pragma once

// Which epoch line a thread of this process writes: a line per thread, given back when the thread ends; the threads
// beyond share the last line, one at a time.

#include "ringfleet/fleet/epoch_layout.hpp"

#include <cstdint>
#include <memory>
#include <mutex>

namespace ringfleet::fleet {

class ThreadLines {
public:
  explicit ThreadLines(EpochLayout& layout);

  // The calling thread's own line; null when it has to share (see shared()).
  [[nodiscard]] EpochLine* own() { return cached_.pool == id_ ? cached_.line : find_own(); }

  // The shared line, locked as long as the result lives.
  class Shared {
  public:
    Shared(EpochLine& line, std::mutex& mutex) : line_(line), lock_(mutex) {}
    [[nodiscard]] EpochLine& line() noexcept { return line_; }

  private:
    EpochLine& line_;
    std::unique_lock<std::mutex> lock_;
  };
  [[nodiscard]] Shared shared() { return {layout_.lines[limits::epoch_lines - 1], shared_mutex_}; }

  // What a thread keeps of a pool after the pool may be gone; public for the thread-exit hook only.
  struct Taken {
    std::mutex mutex;
    std::uint64_t bits = 0;
  };

private:
  struct Cached {
    std::uint64_t pool = 0;
    EpochLine* line = nullptr;
  };
  EpochLine* find_own();

  static thread_local Cached cached_;
  std::uint64_t id_;
  EpochLayout& layout_;
  std::shared_ptr<Taken> taken_;
  std::mutex shared_mutex_;
};

static_assert(limits::epoch_lines == 64, "the taken lines are the bits of one word");

} // namespace ringfleet::fleet
