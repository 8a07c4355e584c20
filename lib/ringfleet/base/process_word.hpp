#pragma once

// A word that the threads of one process share: flags, counts and hints of handles. Never part of a layout. Its verbs
// are the memory orders, so that a reader of the code sees what each access promises.

#include "ringfleet/base/atomics.hpp"

namespace ringfleet {

template <SharedWord T>
class ProcessWord {
public:
  ProcessWord() noexcept = default;
  explicit ProcessWord(T value) noexcept : value_(value) {}
  ProcessWord(const ProcessWord&) = delete;
  ProcessWord& operator=(const ProcessWord&) = delete;

  // Orders nothing: a count, a hint, or a value whose writer cannot be running.
  [[nodiscard]] T peek() const noexcept { return Atomics::load_relaxed(value_); }
  void set(T value) noexcept { Atomics::store_relaxed(value_, value); }
  // Sees everything that was done before the publish() it reads from.
  template <class A = Atomics>
  [[nodiscard]] T observe() const noexcept {
    return A::load_acquire(value_);
  }
  template <class A = Atomics>
  void publish(T value) noexcept {
    A::store_release(value_, value);
  }
  // One indivisible step; return the value before. Publish and observe at once.
  T add(T amount) noexcept { return Atomics::fetch_add(value_, amount); }
  T subtract(T amount) noexcept { return Atomics::fetch_add(value_, static_cast<T>(T{0} - amount)); }

private:
  T value_{};
};

} // namespace ringfleet
