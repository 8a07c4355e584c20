#pragma once

// The store buffers of the cores, one for each process: what is stored waits here, in order, until it reaches the
// memory; its own process sees it at once.

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
  [[nodiscard]] bool put(unsigned process, T& word, T value) {
    if (counts_[process] == room) {
      return false;
    }
    stores_[process][counts_[process]++] = {&word, static_cast<std::uint64_t>(value), sizeof(T)};
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
  // The oldest store reaches the memory.
  void flush_one(unsigned process) {
    auto& stores = stores_[process];
    std::memcpy(stores[0].word, &stores[0].value, stores[0].size); // little-endian
    std::move(stores.begin() + 1, stores.begin() + static_cast<std::ptrdiff_t>(counts_[process]), stores.begin());
    --counts_[process];
  }

private:
  struct Store {
    void* word;
    std::uint64_t value;
    std::size_t size;
  };
  static constexpr std::size_t room = 16;
  std::array<std::size_t, Processes> counts_{};
  std::array<std::array<Store, room>, Processes> stores_{};
};

} // namespace ringfleet::explore
