#pragma once

// What the demo does to its fleet while it works: kills a runner, reloads the module; and how long each took.

#include "ledger.hpp"
#include "narrator.hpp"

#include "ringfleet/base/clock.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace ringfleet {
class Fleet;
} // namespace ringfleet

namespace ringfleet::cli::demo {

class Trouble {
public:
  explicit Trouble(Narrator& narrator) : narrator_(narrator) {}

  // Runs on the fleet's scheduler thread.
  void on_event(std::string_view event);

  // The rest is for the demo's main thread.
  void kill_once(Fleet& fleet, Ledger& ledger);
  void reload_once(Fleet& fleet, Ledger& ledger, const std::string& path);
  // Takes note of the replacement's first answer.
  void look(const Ledger& ledger);
  // Until an event, or `timeout`.
  void wait_for_change(Nanoseconds timeout);
  // Nothing is under way any more.
  [[nodiscard]] bool over() const noexcept { return serving_ns_ != 0 && reload_ns_ != 0; }
  // Waits for a reload that is under way.
  void finish();

  [[nodiscard]] std::uint64_t deaths() const noexcept { return deaths_; }
  [[nodiscard]] std::uint64_t detect_ns() const noexcept { return detect_ns_; }
  [[nodiscard]] std::uint64_t serving_ns() const noexcept { return serving_ns_; }
  [[nodiscard]] std::uint64_t reload_ns() const noexcept { return reload_ns_; }

private:
  Narrator& narrator_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool event_seen_ = false;
  std::string awaited_event_; // the death of the runner that was killed; under the mutex
  std::atomic<MonotonicNs> killed_at_ = 0;
  std::atomic<std::uint64_t> deaths_ = 0;
  std::atomic<std::uint64_t> detect_ns_ = 0;
  std::atomic<std::uint64_t> serving_ns_ = 0;
  std::atomic<std::uint64_t> reload_ns_ = 0;
  std::jthread reload_;
};

} // namespace ringfleet::cli::demo
