#pragma once

// The machine under the explorer, for handles that wait (os/host.hpp): parking and waking as the kernel does them, a
// clock that shows 0 until the explorer lets the deadline of a process pass, and a mutex that is one more place to
// wait. A deadline is `never` or `its_deadline`.

#include "explored_atomics.hpp"
#include "ringfleet/os/host.hpp"

#include <cstdint>
#include <span>

namespace ringfleet::explore {

using E = ExploredAtomics;

inline constexpr MonotonicNs its_deadline = 1'000;

} // namespace ringfleet::explore

template <>
struct ringfleet::os::Host<ringfleet::explore::ExploredAtomics> {
  using E = explore::ExploredAtomics;
  using Scheduler = explore::Scheduler;
  static constexpr bool climbs = false;

  class Mutex {
  public:
    void lock() noexcept {
      for (;;) {
        auto* scheduler = Scheduler::current();
        const auto seen = scheduler != nullptr ? scheduler->changes() : 0;
        std::uint32_t free = 0;
        if (E::compare_exchange(word_, free, 1U)) {
          return;
        }
        scheduler->wait_beyond(seen);
      }
    }
    void unlock() noexcept { E::store_release(word_, 0U); }

  private:
    std::uint32_t word_ = 0;
  };

  [[nodiscard]] static MonotonicNs now() noexcept {
    auto* scheduler = Scheduler::current();
    return scheduler != nullptr && scheduler->is_late() ? explore::its_deadline : 0;
  }
  static void park(std::span<const FutexWord> words, MonotonicNs deadline) {
    Scheduler::current()->park(words, deadline != never);
  }
  static void wake(const std::uint32_t& word, bool /*shared*/ = true) noexcept {
    if (auto* scheduler = Scheduler::current()) {
      scheduler->wake(word);
    }
  }
};
