#pragma once

// How the words of a counter file are written while anyone may be reading them: an item is shown once it is complete, a
// text is written where nobody looks, a number is one word. One thread writes an item at a time; death anywhere leaves
// what was shown before. The reading half is detail/counter_copies.hpp.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/counter/counter_layout.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string_view>

namespace ringfleet::counter {

// Relaxed: nothing is published by a counter; a reader gets some recent value, and the exact one once the writer has
// stopped.
template <class A = Atomics>
void add_to(CounterItem& item, std::uint64_t amount) noexcept {
  A::store_relaxed(item.value, A::load_relaxed(item.value) + amount);
}

// The text cut to what the words hold with a zero behind it, the rest zeros.
template <class A, std::size_t Words>
void store_text(std::uint64_t (&to)[Words], std::string_view text) noexcept {
  std::uint64_t words[Words] = {};
  std::memcpy(words, text.data(), std::min(text.size(), sizeof words - 1));
  for (std::size_t i = 0; i < Words; ++i) {
    A::store_relaxed(to[i], words[i]);
  }
}

// A file that nobody owns yet gets its owner.
template <class A = Atomics>
void show_owner(OwnerFields& owner, std::uint32_t pid, std::uint64_t start_time_ticks,
                std::uint64_t pid_namespace) noexcept {
  A::store_relaxed(owner.start_time_ticks, start_time_ticks);
  A::store_relaxed(owner.pid_namespace, pid_namespace);
  A::step("counter.owner_described");
  // SYNC counter.owner: release; pairs with acquire in CounterCopies::take. Publishes: start time and PID namespace.
  A::store_release(owner.pid, pid);
}

// An item that is not there yet.
template <class A = Atomics>
void show_item(CounterItem& item, std::string_view label, Kind kind) noexcept {
  store_text<A>(item.label, label);
  A::step("counter.labelled");
  // SYNC counter.item: release; pairs with acquire in CounterCopies::take. Publishes: the label.
  A::store_release(item.kind, static_cast<std::uint32_t>(kind));
}

// The next item of a file for `capacity` of them, behind the `allocated` that are there, of which this one is then one
// more. Null, and nothing is touched, where there is no other.
template <class A = Atomics>
[[nodiscard]] CounterItem* allocate_item(CounterBody& body, std::uint32_t& allocated, std::uint32_t capacity,
                                         std::string_view label, Kind kind) noexcept {
  if (allocated == capacity) {
    return nullptr;
  }
  CounterItem& item = body.items[allocated++];
  show_item<A>(item, label, kind);
  return &item;
}

template <class A = Atomics>
void show_text(CounterItem& item, std::string_view text) noexcept {
  const std::uint32_t writes = A::load_relaxed(item.writes) + 1;
  store_text<A>(item.text[writes % 2], text);
  A::step("counter.text_written");
  // SYNC counter.text: release; pairs with acquire in CounterCopies::take. Publishes: the copy just written.
  A::store_release(item.writes, writes);
  // The next text overwrites the copy shown until now; without this its stores could be seen before the new `writes`,
  // and a reader would take the old copy, half overwritten, for whole.
  A::store_load_barrier();
}

} // namespace ringfleet::counter
