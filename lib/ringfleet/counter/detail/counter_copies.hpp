#pragma once

// How a counter file is read while its owner writes: in three copies, one after the other. `before` tells which items
// exist and which copy of a text is shown, `now` gives labels, values and texts, `after` tells whether a text was
// replaced meanwhile. A copied word is whole: the kernel moves aligned words, and both sides are aligned.

#include "ringfleet/counter/counter_layout.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace ringfleet::counter {

template <std::size_t Words>
[[nodiscard]] std::string text_of(const std::uint64_t (&words)[Words]) {
  char bytes[sizeof words];
  std::memcpy(bytes, words, sizeof bytes);
  return std::string(bytes, strnlen(bytes, sizeof bytes));
}

struct CounterCopies {
  CounterBody before;
  CounterBody now;
  CounterBody after;

  // `copy` fills a CounterBody from the file; two calls are not reordered (a system call each).
  // SYNC counter.item: acquire (a system call lies between the copies); pairs with release in show_item.
  // SYNC counter.text: acquire (likewise); pairs with release in show_text.
  // SYNC counter.owner: acquire (likewise); pairs with release in show_owner.
  // SYNC counter.named: acquire (likewise); pairs with release in create_counter_file.
  template <class Copy>
  void take(Copy&& copy) {
    copy(before);
    copy(now);
    copy(after);
  }

  // `index`: of an item that the file has room for. Nothing of an item that does not exist may be used, and none exists
  // behind it.
  [[nodiscard]] std::uint32_t kind_of(std::size_t index) const noexcept { return before.items[index].kind; }
  [[nodiscard]] std::string label_of(std::size_t index) const { return text_of(now.items[index].label); }
  [[nodiscard]] std::uint64_t value_of(std::size_t index) const noexcept { return now.items[index].value; }
  // False: it was replaced while it was copied.
  [[nodiscard]] bool text_of_item(std::size_t index, std::string& text) const {
    const std::uint32_t writes = before.items[index].writes;
    if (after.items[index].writes != writes) {
      return false;
    }
    text = text_of(now.items[index].text[writes % 2]);
    return true;
  }
};

} // namespace ringfleet::counter
