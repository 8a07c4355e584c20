#pragma once

// The production policy, but in the middle of an operation somebody else acts: just before one of its accesses to
// shared words. A race that threads lose once in a million runs is lost in each. One thread only.

#include "ringfleet/base/atomics.hpp"

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace ringfleet::test {

struct InterruptedAtomics : Atomics {
  using Act = std::function<void()>;

  // Once, before the `nth` access from now on: to this word, to any word, or by an exchange. What an act does itself is
  // not interrupted; it may say what interrupts next.
  static void before(const void* word, std::uint64_t nth, Act act) {
    acts_.push_back({word, false, nth, std::move(act)});
  }
  static void before_access(std::uint64_t nth, Act act) { acts_.push_back({nullptr, false, nth, std::move(act)}); }
  static void before_exchange(std::uint64_t nth, Act act) { acts_.push_back({nullptr, true, nth, std::move(act)}); }
  // Those that have not come do not come.
  static void forget() { acts_.clear(); }
  // Acts that have not come. A test ends with none.
  [[nodiscard]] static std::size_t left() noexcept { return acts_.size(); }
  // Makes a world and lets it be interrupted before its first access, then another one before its second, and so on:
  // `round(nth)` calls before_access(nth, …). The last round is the one that makes fewer. Returns their number.
  template <class Round>
  static std::uint64_t before_each_access(Round&& round) {
    for (std::uint64_t nth = 1;; ++nth) {
      round(nth);
      if (!std::exchange(acts_, {}).empty()) {
        return nth;
      }
    }
  }

  template <SharedWord T>
  [[nodiscard]] static T load_relaxed(const T& word) noexcept {
    interrupt(&word, false);
    return Atomics::load_relaxed(word);
  }
  template <SharedWord T>
  [[nodiscard]] static T load_acquire(const T& word) noexcept {
    interrupt(&word, false);
    return Atomics::load_acquire(word);
  }
  template <SharedWord T>
  static void store_relaxed(T& word, T value) noexcept {
    interrupt(&word, false);
    Atomics::store_relaxed(word, value);
  }
  template <SharedWord T>
  static void store_release(T& word, T value) noexcept {
    interrupt(&word, false);
    Atomics::store_release(word, value);
  }
  template <SharedWord T>
  [[nodiscard]] static bool compare_exchange(T& word, T& expected, T desired) noexcept {
    interrupt(&word, true);
    return Atomics::compare_exchange(word, expected, desired);
  }
  template <SharedWord T>
  static T fetch_add(T& word, T value) noexcept {
    interrupt(&word, true);
    return Atomics::fetch_add(word, value);
  }

private:
  struct Awaited {
    const void* word; // null: any
    bool is_exchange; // of no other access
    std::uint64_t left;
    Act act;
  };

  static void interrupt(const void* word, bool is_exchange) noexcept {
    if (is_acting_) {
      return;
    }
    std::vector<Act> due;
    std::erase_if(acts_, [&](Awaited& awaited) {
      const bool is_meant = (awaited.word == nullptr || awaited.word == word) && (is_exchange || !awaited.is_exchange);
      if (!is_meant || --awaited.left != 0) {
        return false;
      }
      due.push_back(std::move(awaited.act));
      return true;
    });
    is_acting_ = true;
    for (const auto& act : due) {
      act();
    }
    is_acting_ = false;
  }

  inline static std::vector<Awaited> acts_;
  inline static bool is_acting_ = false;
};

} // namespace ringfleet::test
