#include "ringfleet/policy/lifecycle.hpp"

#include <set>

#include <doctest/doctest.h>

using namespace ringfleet::policy;

TEST_CASE("lifecycle: the full transition table; what is not in it is refused") { // F9
  struct Row {
    State from;
    Event event;
    State to;
  };
  const Row allowed[] = {
      {State::loaded, Event::start, State::starting},  {State::loaded, Event::fail, State::failed},
      {State::loaded, Event::unload, State::stopped},  {State::starting, Event::ready, State::ready},
      {State::starting, Event::fail, State::failed},   {State::starting, Event::unload, State::stopped},
      {State::ready, Event::lost, State::starting},    {State::ready, Event::fail, State::failed},
      {State::ready, Event::unload, State::draining},  {State::draining, Event::drained, State::stopped},
      {State::stopped, Event::start, State::starting}, {State::failed, Event::start, State::starting},
      {State::failed, Event::unload, State::stopped},
  };
  for (const State from : states) {
    for (const Event event : events) {
      std::optional<State> expected;
      for (const Row& row : allowed) {
        if (row.from == from && row.event == event) {
          expected = row.to;
        }
      }
      CAPTURE(to_string(from));
      CAPTURE(to_string(event));
      CHECK((transition(from, event) == expected));
    }
  }
}

TEST_CASE("lifecycle: a module can be taken out of service from every state, and started again from where it ends") {
  for (const State from : states) {
    State state = from;
    for (const Event event : {Event::unload, Event::drained}) {
      state = transition(state, event).value_or(state);
    }
    CHECK(state == State::stopped);
  }
  CHECK((transition(State::stopped, Event::start) == State::starting));
}

TEST_CASE("lifecycle: each state and event has a name of its own") {
  std::set<std::string_view> names;
  for (const State state : states) {
    names.insert(to_string(state));
  }
  for (const Event event : events) {
    names.insert(to_string(event));
  }
  CHECK(names.size() == states.size() + events.size());
  CHECK_FALSE(names.contains("unknown"));
}
