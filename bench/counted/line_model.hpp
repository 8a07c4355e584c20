#pragma once

// Which cache lines would move between cores: a model of coherence that is fed by the atomics policy below and, for
// slots, by the benchmark. One thread plays all sides and says which core it is. A read moves a line unless this core
// has it; a write does unless this core alone has it.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/cache_line.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace ringfleet::bench {

class LineModel {
public:
  static LineModel& get() {
    static LineModel model;
    return model;
  }

  void be_core(unsigned core) noexcept { self_ = std::uint64_t{1} << core; }
  void read(const void* from, std::size_t bytes) {
    touch(from, bytes, [this](std::uint64_t& holders) { holders |= self_; });
  }
  void write(const void* to, std::size_t bytes) {
    touch(to, bytes, [this](std::uint64_t& holders) { holders = self_; });
  }
  [[nodiscard]] std::uint64_t moves() const noexcept { return moves_; }

private:
  template <class Change>
  void touch(const void* at, std::size_t bytes, Change&& change) {
    const auto begin = reinterpret_cast<std::uintptr_t>(at);
    for (auto line = begin / cache_line_bytes; line * cache_line_bytes < begin + bytes; ++line) {
      std::uint64_t& holders = holders_[line];
      const std::uint64_t before = holders;
      change(holders);
      moves_ += holders == before ? 0 : 1;
    }
  }

  std::uint64_t self_ = 1;
  std::uint64_t moves_ = 0;
  std::unordered_map<std::uintptr_t, std::uint64_t> holders_;
};

struct CountingAtomics : Atomics {
  template <SharedWord T>
  [[nodiscard]] static T load_relaxed(const T& word) {
    LineModel::get().read(&word, sizeof word);
    return Atomics::load_relaxed(word);
  }
  template <SharedWord T>
  [[nodiscard]] static T load_acquire(const T& word) {
    LineModel::get().read(&word, sizeof word);
    return Atomics::load_acquire(word);
  }
  template <SharedWord T>
  static void store_relaxed(T& word, T value) {
    LineModel::get().write(&word, sizeof word);
    Atomics::store_relaxed(word, value);
  }
  template <SharedWord T>
  static void store_release(T& word, T value) {
    LineModel::get().write(&word, sizeof word);
    Atomics::store_release(word, value);
  }
  template <SharedWord T>
  [[nodiscard]] static bool compare_exchange(T& word, T& expected, T desired) {
    LineModel::get().write(&word, sizeof word);
    return Atomics::compare_exchange(word, expected, desired);
  }
  template <SharedWord T>
  static T fetch_add(T& word, T value) {
    LineModel::get().write(&word, sizeof word);
    return Atomics::fetch_add(word, value);
  }
};

} // namespace ringfleet::bench
