#include "cast.hpp"

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <utility>

#include <poll.h>
#include <unistd.h>

namespace ringfleet::soak {

namespace {

// What this part publishes, if it does.
Stream* stream_of(Ledger& ledger, const Part& part) {
  return part.role == "producer" ? &ledger.channels[part.numbers[0]].streams[part.numbers[1]]
         : part.role == "group"  ? &ledger.channels[group_down].streams[0]
         : part.role == "worker" ? &ledger.channels[group_up].streams[part.numbers[0]]
                                 : nullptr;
}

} // namespace

void until(const Ledger& ledger, const std::string& what, const std::function<bool()>& holds,
           const std::function<std::string()>& state) {
  const auto give_up = deadline_after(monotonic_now(), std::chrono::minutes(2));
  while (!holds()) {
    if (ledger.complaints != 0) {
      throw std::runtime_error("somebody complained while it was waited for " + what);
    }
    if (monotonic_now() > give_up) {
      throw std::runtime_error("two minutes were not enough for " + what + (state ? ": " + state() : ""));
    }
    ::poll(nullptr, 0, 1);
  }
}

os::ChildProcess Cast::start(const std::string& role, const std::vector<std::uint64_t>& numbers,
                             std::uint64_t place) const {
  os::SpawnRequest request;
  request.path = "/proc/self/exe";
  request.argv = {
      request.path,         "--role", role, common_.ledger, common_.directory, common_.word, std::to_string(::getpid()),
      std::to_string(place)};
  for (const auto number : numbers) {
    request.argv.push_back(std::to_string(number));
  }
  for (char** variable = environ; *variable != nullptr; ++variable) {
    request.env.emplace_back(*variable);
  }
  return os::ChildProcess(request);
}

Actor& Cast::enter(const std::string& role, std::vector<std::uint64_t> numbers, bool resident) {
  Part part = common_;
  part.role = role;
  part.place = actors_.size();
  part.numbers = std::move(numbers);
  if (auto* const stream = stream_of(ledger_, part)) {
    ++stream->life;
  }
  auto process = start(part.role, part.numbers, part.place);
  return actors_.emplace_back(Actor{std::move(part), std::move(process), resident, 0});
}

void Cast::send_visitor(std::uint64_t channel, Joining joining, std::uint64_t position, std::uint64_t messages) {
  constexpr std::size_t at_the_same_time = 4;
  if (visitors_.size() >= at_the_same_time) {
    return;
  }
  Part part = common_;
  part.role = "visitor";
  part.numbers = {channel, static_cast<std::uint64_t>(joining), position, messages};
  auto process = start(part.role, part.numbers);
  visitors_.push_back(Actor{std::move(part), std::move(process), false, 0});
  ++visitors_seen_;
}

// The words of the dead stay as they are; only what its successor counts from is set right.
void Cast::settle_accounts_of(const Part& dead) {
  if (auto* const stream = stream_of(ledger_, dead)) {
    auto& next = stream->at(stream->life + 1);
    next.attempted = 0;
    next.accepted = 0;
    ++stream->life;
  } else if (dead.role == "client") {
    for (auto number = dead.numbers[0]; number < dead.numbers[1]; ++number) {
      auto& caller = ledger_.callers[number];
      const auto in_hand = caller.started - caller.finished;
      if (in_hand > batch) {
        complain(ledger_, "a client that was killed had " + std::to_string(in_hand) + " calls in hand");
      }
      caller.orphaned += in_hand;
      caller.finished += in_hand;
    }
  }
}

void Cast::replace(Actor& actor) {
  actor.process.signal(SIGKILL);
  const auto status = actor.process.reap();
  if (!status.signalled) {
    complain(ledger_, actor.part.role + " ended by itself: " + status.to_string());
  }
  ++killed_;
  settle_accounts_of(actor.part);
  actor.process = start(actor.part.role, actor.part.numbers, actor.part.place);
  actor.stopped_for = 0;
}

void Cast::kill_visitor() {
  if (!visitors_.empty()) {
    auto& visitor = visitors_.front();
    visitor.process.signal(SIGKILL);
    visitor.process.reap();
    visitors_.pop_front();
    ++killed_;
  }
}

void Cast::stop(Actor& actor, std::uint64_t for_events) {
  if (actor.stopped_for == 0 && actor.process.signal(SIGSTOP)) {
    actor.stopped_for = for_events;
  }
}

void Cast::let_time_pass(bool all) {
  for (auto& actor : actors_) {
    if (actor.stopped_for != 0 && (all || --actor.stopped_for == 0)) {
      actor.stopped_for = 0;
      actor.process.signal(SIGCONT);
    }
  }
}

void Cast::look_after_everybody() {
  std::erase_if(visitors_, [&](Actor& visitor) {
    const auto status = visitor.process.try_reap();
    if (status && *status != os::ExitStatus{}) {
      complain(ledger_, "a visitor " + status->to_string());
    }
    return status.has_value();
  });
  for (auto& actor : actors_) {
    if (const auto status = actor.process.try_reap()) {
      complain(ledger_, "a " + actor.part.role + " " + status->to_string() + " by itself");
    }
  }
}

void Cast::wait_for_visitors() {
  until(ledger_, "visitors to have read what they want", [&] {
    look_after_everybody();
    return visitors_.empty();
  });
}

void Cast::wait_for_the_end() {
  for (auto& actor : actors_) {
    if (const auto status = actor.process.reap(); status != os::ExitStatus{}) {
      complain(ledger_, "at the end a " + actor.part.role + " " + status.to_string());
    }
  }
  actors_.clear();
}

} // namespace ringfleet::soak
