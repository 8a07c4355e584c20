#pragma once

// Readers that a channel cannot do without, by their stable ids: when they have to be there, when they have to move,
// and what happens when they do not. A pure state machine: it is told the time and the members and answers with
// decisions; it costs nothing while the ring is not full and nobody asks.
//
//   awaited --joined--> present --no progress for progress_timeout while others wait--> lagging --moves--> present
//   awaited --startup_timeout--> missed          present, lagging --dead or left--> gone --joined again--> present
//   gone --grace--> missed                       lagging --grace--> missed
//
// On `missed` the action decides: fail (publishing answers readers_failed until the reader is back), evict (a reader
// that lives is not waited for any more; a dead one is not anyway) or degrade (go on without it; it may come back).

#include "ringfleet/base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringfleet::channel {

enum class RequiredState : std::uint8_t { awaited, present, lagging, gone, missed };

[[nodiscard]] std::string_view to_string(RequiredState state) noexcept;

enum class MissedAction : std::uint8_t { fail, evict, degrade };

// A change of state worth telling.
struct RequiredAlert {
  std::string_view id;
  RequiredState state = RequiredState::awaited;
  std::string_view reason;
};

struct RequiredOptions {
  std::vector<std::string> ids = {};
  Nanoseconds startup_timeout = std::chrono::seconds(5);
  Nanoseconds progress_timeout = std::chrono::milliseconds(250);
  Nanoseconds grace = std::chrono::seconds(1);
  MissedAction action = MissedAction::fail;
  std::function<void(const RequiredAlert&)> on_alert = {}; // on the publishing thread
};

// A member as the machine needs it.
struct ReaderSighting {
  std::string_view id;
  std::uint32_t line = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t position = 0;
  bool has_joined = false; // it holds a gate now
};

class RequiredReaders {
public:
  RequiredReaders(RequiredOptions options, MonotonicNs now);

  struct Eviction {
    std::uint32_t line;
    std::uint64_t incarnation;
  };

  // `cursor`: what is published; `is_full`: the publisher waits for room. Calls on_alert for each change, and returns
  // whom to evict. Never blocks itself.
  std::vector<Eviction> tick(MonotonicNs now, std::span<const ReaderSighting> readers, std::uint64_t cursor,
                             bool is_full);

  [[nodiscard]] bool is_empty() const noexcept { return readers_.empty(); }
  // The action is `fail`, and somebody is missed.
  [[nodiscard]] bool has_failed() const noexcept;
  // When something changes if nobody moves; `never` when nothing is pending.
  [[nodiscard]] MonotonicNs next_change() const noexcept;
  // Of the id with this number, in the order of the options.
  [[nodiscard]] RequiredState state(std::size_t number) const { return readers_[number].state; }

private:
  struct Reader {
    std::string id;
    RequiredState state = RequiredState::awaited;
    MonotonicNs since = 0;    // when the state began
    MonotonicNs moved_at = 0; // when its position changed last, or it had nothing to read
    std::uint64_t position = 0;
    bool is_there = false;
  };

  void enter(Reader& reader, RequiredState state, MonotonicNs now, std::string_view reason);
  void miss(Reader& reader, MonotonicNs now, std::string_view reason, const ReaderSighting* sighting,
            std::vector<Eviction>& evictions);

  RequiredOptions options_;
  std::vector<Reader> readers_;
};

} // namespace ringfleet::channel
