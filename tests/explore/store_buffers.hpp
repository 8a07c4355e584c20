#pragma once

// The store buffers of the cores, one for each process: what is stored waits here until it reaches the memory; its own
// process sees it at once. Some cores empty them in order (x86); of others a store may leave before earlier ones to
// other words, unless it is a release (ARM).

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ringfleet::explore {

template <std::size_t Processes>
class StoreBuffers {
public:
  void clear(unsigned process) { counts_[process] = 0; }
  [[nodiscard]] bool is_empty(unsigned process) const { return counts_[process] == 0; }
  // False: there is no room.
  template <class T>
  [[nodiscard]] bool put(unsigned process, T& word, T value, bool is_release) {
    if (counts_[process] == room) {
      return false;
    }
    stores_[process][counts_[process]++] = {&word, static_cast<std::uint64_t>(value), sizeof(T), is_release};
    return true;
  }
  // What the process sees in the word, unless that is what the memory holds.
  template <class T>
  [[nodiscard]] bool find(unsigned process, const T& word, T& value) const {
    for (auto i = counts_[process]; i-- > 0;) {
      if (stores_[process][i].word == &word) {
        value = static_cast<T>(stores_[process][i].value);
        return true;
      }
    }
    return false;
  }
  [[nodiscard]] std::size_t count(unsigned process) const { return counts_[process]; }
  // May store `number` pass all that are older?
  [[nodiscard]] bool may_pass(unsigned process, std::size_t number) const {
    const auto& store = stores_[process][number];
    return number == 0 || (!store.is_release && !holds(process, store.word, number));
  }
  // Is there a store to this word among the oldest `count`?
  [[nodiscard]] bool holds(unsigned process, const void* word, std::size_t count) const {
    const auto begin = stores_[process].begin();
    return std::any_of(begin, begin + static_cast<std::ptrdiff_t>(count),
                       [&](const Store& store) { return store.word == word; });
  }
  // Store `number` reaches the memory; `before` is told the word and what it held.
  template <class Before>
  void flush(unsigned process, std::size_t number, Before&& before) {
    auto& stores = stores_[process];
    const auto store = stores[number];
    std::uint64_t old = 0;
    std::memcpy(&old, store.word, store.size); // little-endian
    before(store.word, old);
    std::memcpy(store.word, &store.value, store.size);
    const auto place = stores.begin() + static_cast<std::ptrdiff_t>(number);
    std::move(place + 1, stores.begin() + static_cast<std::ptrdiff_t>(counts_[process]), place);
    --counts_[process];
  }

private:
  struct Store {
    void* word;
    std::uint64_t value;
    std::size_t size;
    bool is_release;
  };
  static constexpr std::size_t room = 16;
  std::array<std::size_t, Processes> counts_{};
  std::array<std::array<Store, room>, Processes> stores_{};
};

} // namespace ringfleet::explore
