#include "ringfleet/counter/counter.hpp"

#include <algorithm>
#include <cstring>

namespace ringfleet::counter {

void Text::set(std::string_view text) noexcept {
  if (item_ == nullptr) {
    return;
  }
  std::uint64_t words[text_bytes / sizeof(std::uint64_t)] = {};
  std::memcpy(words, text.data(), std::min(text.size(), text_bytes - 1));

  const std::uint32_t writes = Atomics::load_relaxed(item_->writes) + 1;
  auto& hidden = item_->text[writes % 2];
  for (std::size_t i = 0; i < std::size(words); ++i) {
    Atomics::store_relaxed(hidden[i], words[i]);
  }
  // SYNC counter.text: release; pairs with acquire in CounterSnapshot::read. Publishes: the copy just written.
  Atomics::store_release(item_->writes, writes);
  // The next set() overwrites the copy shown until now; without this its stores could be seen before the new `writes`,
  // and a reader would take the old copy, half overwritten, for whole.
  Atomics::store_load_barrier();
}

} // namespace ringfleet::counter
