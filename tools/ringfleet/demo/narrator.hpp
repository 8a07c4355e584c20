#pragma once

// What the demo says while it runs: a progress bar on a terminal, plain lines otherwise, and lines for what happens.

#include "ringfleet/base/clock.hpp"

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace ringfleet::cli::demo {

struct Progress {
  double share = 0; // of the time, 0 … 1
  Nanoseconds elapsed{};
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

// Any thread.
class Narrator {
public:
  explicit Narrator(int descriptor);
  ~Narrator();
  Narrator(const Narrator&) = delete;
  Narrator& operator=(const Narrator&) = delete;

  void say(std::string_view line);
  // Called often; shows something as often as it makes sense.
  void progress(const Progress& progress);
  // Takes the bar away.
  void finish();

private:
  void erase_bar();
  void write_text(std::string_view text) const;

  std::mutex mutex_;
  int descriptor_;
  bool terminal_;
  bool bar_shown_ = false;
  std::int64_t seconds_shown_ = 0;
};

} // namespace ringfleet::cli::demo
