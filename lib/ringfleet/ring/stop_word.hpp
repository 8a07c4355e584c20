#pragma once

// How one thread ends the wait of another one of the same process.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/os/host.hpp"

#include <cstdint>

namespace ringfleet::ring {

class StopWord {
public:
  StopWord() noexcept = default;
  StopWord(const StopWord&) = delete;
  StopWord& operator=(const StopWord&) = delete;

  // Any thread. Stays until clear().
  template <class A = Atomics>
  void request() noexcept {
    // SYNC ring.stop: release; pairs with the acquire in is_requested.
    A::store_release(word_, 1U);
    os::Host<A>::wake(word_, false);
  }
  void clear() noexcept { Atomics::store_relaxed(word_, 0U); }
  template <class A = Atomics>
  [[nodiscard]] bool is_requested() const noexcept {
    // SYNC ring.stop: acquire; pairs with the release in request. Receives: what the stopping thread did before.
    return A::load_acquire(word_) != 0;
  }
  [[nodiscard]] os::FutexWord park_word() const noexcept { return {&word_, 0, false}; }

private:
  std::uint32_t word_ = 0;
};

} // namespace ringfleet::ring
