#pragma once

// How long a reader waits before it looks for more. Each look takes the line of the cursor away from the producer, so a
// reader that is as fast as its producer, and looks again at once, makes both run at the speed at which a line moves: a
// few elements a look. If it looks a little later it finds many more, and the producer is not disturbed meanwhile.
//
// Whether that is so cannot be known, only tried. After some looks in a row that found little, as many come later; if
// they find half as much again, the pause stays for a while, otherwise it does not pay (the producer waits for this
// reader, or is the same thread), and it is tried again much later. A look that finds nothing ends it all: whoever
// waits for a single element, or answers one before it looks for the next, is never delayed.

#include <cstdint>

namespace ringfleet::ring {

// One thread.
class LookPacer {
public:
  // Of the core, before the next look.
  [[nodiscard]] std::uint32_t pauses() const noexcept { return pauses_; }

  // A look found so many elements.
  void looked(std::uint64_t found) noexcept {
    if (found == 0) {
      *this = {};
    } else {
      advance(found);
    }
  }

  static constexpr std::uint32_t trial = 4; // looks at once, then as many later
  static constexpr std::uint32_t period = 256;
  static constexpr std::uint32_t pauses_of_a_stream = 15;

private:
  // Fewer a look: there is no hurry. More: the look costs little beside them.
  static constexpr std::uint64_t found_min = 2;
  static constexpr std::uint64_t found_max = 64;

  void advance(std::uint64_t found) noexcept {
    ++looks_;
    if (looks_ <= trial) {
      found_at_once_ += found;
      if (looks_ == trial) {
        if (found_at_once_ < found_min * trial || found_at_once_ >= found_max * trial) {
          *this = {};
        } else {
          pauses_ = pauses_of_a_stream;
        }
      }
    } else if (looks_ <= 2 * trial) {
      found_later_ += found;
      if (looks_ == 2 * trial && 2 * found_later_ < 3 * found_at_once_) {
        pauses_ = 0;
      }
    } else if (looks_ == period) {
      *this = {};
    }
  }

  std::uint32_t looks_ = 0; // since the last one that found nothing, or since the last trial began
  std::uint32_t pauses_ = 0;
  std::uint64_t found_at_once_ = 0;
  std::uint64_t found_later_ = 0;
};

} // namespace ringfleet::ring
