#pragma once

// What the demo counts. Each driver thread has a Tally of its own; they are added up at the end. The Ledger holds what
// the threads share while they run.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/counter/histogram.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "corpus.hpp"

namespace ringfleet::cli::demo {

struct Tally {
  std::uint64_t files = 0; // each verified from its first to its last chunk taken
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t accepted = 0; // calls started
  std::uint64_t answered = 0; // calls that a runner answered
  std::uint64_t failed = 0;   // calls that ended any other way; the work was started again as a new call
  std::uint64_t retried = 0;  // calls that the fleet moved to another runner
  std::uint64_t mismatched = 0;
  std::map<std::string, std::uint64_t, std::less<>> by_version;
  counter::Histogram latency;
  Skipped skipped;          // while reading; files that changed or vanished
  std::string first_failed; // what the first failed call said

  void add(const Tally& other);
  [[nodiscard]] std::uint64_t lost() const noexcept { return accepted - answered - failed; }
};

// Any thread.
class Ledger {
public:
  // For the progress line; approximate while the drivers run.
  std::atomic<std::uint64_t> files = 0;
  std::atomic<std::uint64_t> bytes_in = 0;

  // Drivers take files in turn, from the start again after the last.
  [[nodiscard]] std::size_t next_file(std::size_t files_total) noexcept { return next_++ % files_total; }

  void stop() noexcept { stopping_ = true; }
  [[nodiscard]] bool stopping() const noexcept { return stopping_; }
  // The first failure that ends the demo; stops it.
  void fail(std::string text);
  [[nodiscard]] std::string failure() const;

  // After a kill: when did a runner with a greater serial answer for the first time? 0: not yet.
  void await_answer_beyond(std::uint64_t serial) noexcept { awaited_serial_ = serial; }
  void answered_by(std::uint64_t serial, MonotonicNs now) noexcept;
  [[nodiscard]] MonotonicNs answered_at() const noexcept { return answered_at_; }

private:
  std::atomic<std::size_t> next_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> awaited_serial_ = never;
  std::atomic<MonotonicNs> answered_at_ = 0;
  mutable std::mutex mutex_;
  std::string failure_;
};

} // namespace ringfleet::cli::demo
