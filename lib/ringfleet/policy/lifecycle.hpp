#pragma once

// The life of a module in a fleet, as data: which event leads from which state to which. What the table does not allow
// is refused and changes nothing.
//
//          start             ready          unload             drained
//   Loaded ──────▶ Starting ──────▶ Ready ──────▶ Draining ──────▶ Stopped ──start──▶ Starting
//                   │    ▲           │ │
//                   │    └── lost ───┘ │
//                   │ fail             │ fail
//                   └────▶ Failed ◀────┘
//                            └── start ──▶ Starting
//
// `unload` stops at once what does not serve: Loaded, Starting and Failed go to Stopped.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ringfleet::policy {

enum class State : std::uint8_t {
  loaded,   // known, its artifact is stored, nothing runs
  starting, // runners are loading or initialising; calls wait
  ready,    // at least one runner serves
  draining, // no new calls; runners finish what they have
  stopped,  // nothing runs, and nothing will unless it is started again
  failed,   // could not be started, or crashes in a loop; calls are refused at once
};

enum class Event : std::uint8_t {
  start,   // start it, again after Stopped, or as a trial after Failed
  ready,   // the first runner became Ready
  lost,    // the last Ready runner died and is being replaced
  fail,    // the start failed for good, or the crash loop was recognised
  unload,  // take it out of service: drains when it serves, stops at once when it does not
  drained, // the last runner is gone, in order or by force
};

inline constexpr std::array states{State::loaded,   State::starting, State::ready,
                                   State::draining, State::stopped,  State::failed};
inline constexpr std::array events{Event::start, Event::ready, Event::lost, Event::fail, Event::unload, Event::drained};

namespace detail {

inline constexpr std::optional<State> refused = std::nullopt;

// clang-format off
inline constexpr std::optional<State> transitions[states.size()][events.size()] = {
  //               start            ready         lost             fail           unload           drained
  /* loaded   */ {State::starting, refused,      refused,         State::failed, State::stopped,  refused},
  /* starting */ {refused,         State::ready, refused,         State::failed, State::stopped,  refused},
  /* ready    */ {refused,         refused,      State::starting, State::failed, State::draining, refused},
  /* draining */ {refused,         refused,      refused,         refused,       refused,         State::stopped},
  /* stopped  */ {State::starting, refused,      refused,         refused,       refused,         refused},
  /* failed   */ {State::starting, refused,      refused,         refused,       State::stopped,  refused},
};
// clang-format on

} // namespace detail

// The state after `event`, or none when it is not allowed in `state`.
[[nodiscard]] constexpr std::optional<State> transition(State state, Event event) noexcept {
  return detail::transitions[static_cast<std::size_t>(state)][static_cast<std::size_t>(event)];
}

// As `status` shows them.
[[nodiscard]] constexpr std::string_view to_string(State state) noexcept {
  switch (state) {
  case State::loaded: return "Loaded";
  case State::starting: return "Starting";
  case State::ready: return "Ready";
  case State::draining: return "Draining";
  case State::stopped: return "Stopped";
  case State::failed: return "Failed";
  }
  return "unknown";
}

[[nodiscard]] constexpr std::string_view to_string(Event event) noexcept {
  switch (event) {
  case Event::start: return "start";
  case Event::ready: return "ready";
  case Event::lost: return "lost";
  case Event::fail: return "fail";
  case Event::unload: return "unload";
  case Event::drained: return "drained";
  }
  return "unknown";
}

} // namespace ringfleet::policy
