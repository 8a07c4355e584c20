#pragma once

// The processes of a soak: each is started in a part, and may be killed, stopped, continued, and started again. All of
// them end with the process that started them.

#include "ringfleet/os/child_process.hpp"
#include "roles.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

namespace ringfleet::soak {

// Waits for what must come, looking again and again. Throws std::runtime_error, which names it, when it has not come
// after two minutes, or when somebody complains; then `state` tells how things stand.
void until(const Ledger& ledger, const std::string& what, const std::function<bool()>& holds,
           const std::function<std::string()>& state = {});

struct Actor {
  Part part;
  os::ChildProcess process;
  bool resident = false;         // is never killed: its resources are compared
  std::uint64_t stopped_for = 0; // events; 0: runs
};

class Cast {
public:
  Cast(Ledger& ledger, Part common) : ledger_(ledger), common_(std::move(common)) {}

  Actor& enter(const std::string& role, std::vector<std::uint64_t> numbers, bool resident);
  // A process that its caller keeps.
  [[nodiscard]] os::ChildProcess start(const std::string& role, const std::vector<std::uint64_t>& numbers,
                                       std::uint64_t place = processes_max) const;
  // One that reads a number of messages and goes, or is killed while it does.
  void send_visitor(std::uint64_t channel, Joining joining, std::uint64_t position, std::uint64_t messages);
  [[nodiscard]] std::deque<Actor>& actors() noexcept { return actors_; }

  // SIGKILL, and the same part is played by a new process at once.
  void replace(Actor& actor);
  void kill_visitor();
  void stop(Actor& actor, std::uint64_t for_events);
  // One event has passed: those whose time has come are continued. All of them, if asked for.
  void let_time_pass(bool all);
  // Whoever has ended by itself: visitors may, with success. Complains about others.
  void look_after_everybody();
  void wait_for_visitors();
  void wait_for_the_end();

  [[nodiscard]] std::uint64_t killed() const noexcept { return killed_; }
  [[nodiscard]] std::uint64_t visitors_seen() const noexcept { return visitors_seen_; }

private:
  void settle_accounts_of(const Part& dead);

  Ledger& ledger_;
  Part common_;
  std::deque<Actor> actors_;
  std::deque<Actor> visitors_;
  std::uint64_t killed_ = 0;
  std::uint64_t visitors_seen_ = 0;
};

} // namespace ringfleet::soak
