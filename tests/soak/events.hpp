#pragma once

// What happens to a soak: one event after the other, drawn by the seed, each while everybody works. The seed decides
// what is done and to whom; what it hits at that moment is up to the machine.

#include "ringfleet/os/descriptor.hpp"
#include "stage.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <random>
#include <string_view>

namespace ringfleet::soak {

enum class Event : std::uint8_t {
  kill_runner,
  stop_runner,
  crash,
  reload,
  reload_broken,
  load_or_unload,
  kill_client,
  stop_client,
  kill_producer,
  stop_producer,
  kill_reader,
  stop_reader,
  visit,
  kill_visitor,
  kill_of_group,
  stop_of_group,
  look_at_counters,
  kill_looker
};
inline constexpr std::size_t event_kinds = 18;

[[nodiscard]] std::string_view to_string(Event event) noexcept;

class Events {
public:
  Events(Stage& stage, std::uint64_t seed) : stage_(stage), random_(seed) {}

  // One event, and the time until it has had effect on some calls.
  void next();
  // Whoever was stopped goes on, whoever was ordered something has done it.
  void calm_down();
  [[nodiscard]] std::uint64_t draw(std::uint64_t below) { return random_() % below; }
  [[nodiscard]] std::uint64_t count(Event event) const { return counts_[static_cast<std::size_t>(event)]; }
  [[nodiscard]] std::uint64_t runners_killed() const noexcept { return runners_killed_; }

private:
  struct StoppedRunner {
    os::Descriptor pidfd;
    std::uint64_t for_events = 0;
  };

  [[nodiscard]] Event choose();
  void happen(Event event);
  void signal_runner(int signal_number);
  [[nodiscard]] Actor* any_of(std::initializer_list<std::string_view> roles, bool resident_too);
  void visit();
  void look_at_counters(bool kill_it);
  void let_time_pass(bool all);

  Stage& stage_;
  std::mt19937_64 random_;
  std::array<std::uint64_t, event_kinds> counts_{};
  std::deque<StoppedRunner> stopped_;
  std::uint64_t runners_killed_ = 0;
};

} // namespace ringfleet::soak
