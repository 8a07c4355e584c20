#include "ringfleet/counter/counter.hpp"

namespace ringfleet::counter {

void Text::set(std::string_view text) noexcept {
  if (item_ != nullptr) {
    show_text(*item_, text);
  }
}

} // namespace ringfleet::counter
