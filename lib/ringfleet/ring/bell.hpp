#pragma once

// The word that a parked thread sleeps on. Its owner changes it when it wakes somebody, and at no other time: positions
// are no good to sleep on, because a futex compares 32 bits of them, and because closing and evicting change none.
//
// The sleeper: seen = the bell's value; announce what it waits for (parking.hpp); look; sleep while the bell is `seen`.
// The owner: change something; is it awaited (parking.hpp)? ring. What the owner changed before it rang is seen by
// whoever takes the new value.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/os/host.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace ringfleet::ring {

// Its one owner. One system call.
template <class A = Atomics>
void ring_bell(std::uint32_t& bell, bool shared) noexcept {
  // SYNC ring.bell: release; pairs with the acquire in BellList::add. Publishes: whatever the sleeper is to look at.
  A::store_release(bell, A::load_relaxed(bell) + 1);
  os::Host<A>::wake(bell, shared);
}

// The bells that one thread is about to sleep on, each with the value from before its last look.
class BellList {
public:
  explicit BellList(bool shared) noexcept : shared_(shared) {}

  // Of the bells that are added from here on: do they lie in memory of several processes?
  void set_shared(bool shared) noexcept { shared_ = shared; }
  // At most limits::futex_words_max; whoever lets readers in keeps that (see limits.hpp).
  template <class A = Atomics>
  void add(const std::uint32_t& bell) noexcept {
    // SYNC ring.bell: acquire; pairs with the release in ring_bell.
    add({&bell, A::load_acquire(bell), shared_});
  }
  void add(const os::FutexWord& word) noexcept { words_[count_++] = word; }
  [[nodiscard]] std::span<const os::FutexWord> words() const noexcept { return std::span(words_).first(count_); }

private:
  std::array<os::FutexWord, limits::futex_words_max> words_;
  std::size_t count_ = 0;
  bool shared_;
};

} // namespace ringfleet::ring
