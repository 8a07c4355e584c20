#pragma once

// The atomics policy of fuzz targets: production's, but every look at a shared word is counted against a budget, so
// that a loop which a hostile peer keeps going is a finding after some thousand steps and not a hang.

#include "input.hpp"
#include "ringfleet/base/atomics.hpp"

namespace ringfleet::fuzz {

struct CountedAtomics : Atomics {
  // Before each operation: how many looks it may take.
  static void allow(std::uint64_t looks) noexcept { left_ = looks; }

  template <SharedWord T>
  [[nodiscard]] static T load_relaxed(const T& word) noexcept {
    count();
    return Atomics::load_relaxed(word);
  }
  template <SharedWord T>
  [[nodiscard]] static T load_acquire(const T& word) noexcept {
    count();
    return Atomics::load_acquire(word);
  }

private:
  static void count() noexcept {
    require(left_ != 0, "a loop is as long as a peer wants it");
    --left_;
  }
  inline static std::uint64_t left_ = 0;
};

} // namespace ringfleet::fuzz
