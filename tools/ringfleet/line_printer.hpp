#pragma once

// Prints lines in a thread of its own, so that whoever has something to say never waits for a slow terminal or a full
// pipe. Bounded: when the reader is too slow, lines are dropped and counted, and the count is printed.

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

namespace ringfleet::cli {

class LinePrinter {
public:
  LinePrinter();
  // Prints what is queued, then ends. Waits for a reader that does not read; a second signal ends the program anyway.
  ~LinePrinter();
  LinePrinter(const LinePrinter&) = delete;
  LinePrinter& operator=(const LinePrinter&) = delete;

  // Any thread, never waits for the reader. `descriptor`: 1 or 2.
  void print(int descriptor, std::string line);
  // Returns when everything queued so far is written.
  void flush();

private:
  struct Line {
    int descriptor;
    std::string text;
  };
  static constexpr std::size_t queued_bytes_max = 8U << 20U;

  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Line> queue_;
  std::size_t queued_bytes_ = 0;
  std::uint64_t dropped_ = 0;
  bool writing_ = false;
  bool ending_ = false;
  std::thread thread_;
};

} // namespace ringfleet::cli
