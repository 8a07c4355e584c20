#pragma once

// What the control thread tells the worker thread: a queue, and a control word that changes with each entry. The worker
// looks at the word between calls and parks on it together with its lanes.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/call/handshake.hpp"
#include "ringfleet/os/descriptor.hpp"
#include "ringfleet/os/futex.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <variant>

namespace ringfleet::runner {

class RunnerLane;

namespace command {

struct Load {
  call::LoadRequest request;
  os::Descriptor artifact;
  os::Descriptor counters; // none: nothing is counted
};
struct AddLane {
  std::shared_ptr<RunnerLane> lane;
};
struct DropLane {
  std::uint64_t lane;
};
struct Probe {};
struct Drain {
  std::uint64_t deadline_ns;
};
struct Stop {};

} // namespace command

using Command =
    std::variant<command::Load, command::AddLane, command::DropLane, command::Probe, command::Drain, command::Stop>;

class CommandQueue {
public:
  // Control thread. Wakes the worker.
  void push(Command command) {
    {
      const std::lock_guard lock(mutex_);
      commands_.push_back(std::move(command));
    }
    ring();
  }
  // Any thread: the worker looks again at whatever it waits for.
  void ring() noexcept {
    // SYNC runner.command: release; pairs with acquire in CommandQueue::word_value. The entries themselves are under
    // the mutex.
    Atomics::fetch_add(word_, std::uint32_t{1});
    os::futex_wake(word_, os::wake_all, false);
  }

  // Worker thread.
  [[nodiscard]] std::uint32_t word_value() const noexcept {
    // SYNC runner.command: acquire; pairs with release in CommandQueue::ring.
    return Atomics::load_acquire(word_);
  }
  [[nodiscard]] const std::uint32_t& word() const noexcept { return word_; }
  // Empty: no further command.
  [[nodiscard]] std::unique_ptr<Command> pop() {
    const std::lock_guard lock(mutex_);
    if (commands_.empty()) {
      return nullptr;
    }
    auto command = std::make_unique<Command>(std::move(commands_.front()));
    commands_.pop_front();
    return command;
  }

private:
  alignas(cache_line_bytes) std::uint32_t word_ = 0;
  alignas(cache_line_bytes) std::mutex mutex_;
  std::deque<Command> commands_;
};

} // namespace ringfleet::runner
