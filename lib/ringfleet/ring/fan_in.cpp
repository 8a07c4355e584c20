#include "ringfleet/ring/fan_in.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"

#include <fmt/format.h>

namespace ringfleet::ring {

void FanIn::admit(std::size_t words) {
  constexpr std::size_t words_max = limits::futex_words_max - 2; // the obituary and stop()
  if (words_ + words > words_max) {
    throw Error(ErrorCode::limit_reached,
                fmt::format("wait for {} rings and the readers followed there: a thread can wait for {}",
                            words_ + words, words_max),
                "give some of the rings to another thread");
  }
  words_ += words;
}

} // namespace ringfleet::ring
