// Callers: threads of the process that holds the fleet, and of clients; and the process that holds a second fleet, to
// be killed with it.

#include "paths.hpp"
#include "roles.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/fleet/client.hpp"
#include "ringfleet/fleet/fleet.hpp"

#include <chrono>
#include <cstring>
#include <optional>
#include <thread>

namespace ringfleet::soak {

using namespace std::chrono_literals;

namespace {

// A call that has not ended by then is lost.
constexpr Nanoseconds patience = 60s;

constexpr unsigned bit(CallStatus status) {
  return 1U << static_cast<unsigned>(status);
}
// A runner may die with any call; restarts and reloads are no reason for any other error.
constexpr unsigned ordinary = bit(CallStatus::ok) | bit(CallStatus::runner_lost);
constexpr unsigned hasty =
    ordinary | bit(CallStatus::deadline_exceeded) | bit(CallStatus::lane_full) | bit(CallStatus::no_runner);
constexpr unsigned withdrawn = ordinary | bit(CallStatus::cancelled);
constexpr unsigned large = ordinary | bit(CallStatus::no_space);
constexpr unsigned of_guest = ordinary | bit(CallStatus::unknown_module) | bit(CallStatus::shut_down);

struct Told {
  std::uint64_t caller;
  std::uint64_t number;
};

class Calls {
public:
  Calls(Ledger& ledger, std::size_t number, const Resolve& resolve)
      : ledger_(ledger), mine_(ledger.callers[number]), number_(number), resolve_(resolve),
        dice_(number + mine_.started) {}

  // All modules, so that there is a lane to each runner.
  void touch() {
    for (int i = 0; i < 4; ++i) {
      tell(1);
      echo("echo", patience, ordinary, 8);
      echo("guest", patience, ordinary, 8);
    }
  }
  void one_round() {
    switch (draw(8)) {
    case 0: echo("echo", std::chrono::microseconds(draw(2'000)), hasty, 100); break;
    case 1: echo("echo", patience, large, 4'096); break;
    case 2: echo("guest", patience, of_guest, 16); break;
    case 3: echo_without_waiting(draw(2) == 0); break;
    case 4: echo("echo", patience, ordinary, draw(600)); break;
    default: tell(1 + draw(batch));
    }
  }

private:
  std::uint64_t draw(std::uint64_t below) {
    dice_ = dice_ * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    return (dice_ >> 33U) % below;
  }
  // None: no such module at present.
  std::optional<Method> method(std::string_view module, std::string_view name) {
    try {
      return resolve_(module, name);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::not_found || module != "guest") {
        complain(ledger_, std::string("the module '") + std::string(module) + "' is not found: " + error.what());
      }
      return std::nullopt;
    }
  }
  void end(const Reply& reply, unsigned permitted, std::string_view wanted) {
    const auto status = static_cast<unsigned>(reply.status());
    if ((permitted & bit(reply.status())) == 0) {
      complain(ledger_, "caller " + std::to_string(number_) + ": " + std::string(to_string(reply.status())) + ": " +
                            reply.error());
    } else if (reply.ok() ? reply.text() != wanted : reply.error().empty()) {
      complain(ledger_, "caller " + std::to_string(number_) + " has a wrong answer, or an error without a name");
    }
    ++mine_.ended[status % statuses];
    ++mine_.finished;
  }
  std::string text(std::uint64_t length) {
    std::string made = std::to_string(number_) + ":" + std::to_string(mine_.started.load());
    made.resize(std::max<std::size_t>(length, made.size()), '.');
    return made;
  }

  void echo(std::string_view module, Nanoseconds timeout, unsigned permitted, std::uint64_t length) {
    if (const auto echo = method(module, "echo")) {
      const auto sent = text(length);
      ++mine_.started;
      const Reply reply = echo->call(sent, {timeout});
      end(reply, permitted, sent);
    }
  }
  // Then it is called off, or the reply is nobody's.
  void echo_without_waiting(bool is_cancelled) {
    if (const auto echo = method("echo", "echo")) {
      const auto sent = text(32);
      ++mine_.started;
      PendingCall call = echo->start(sent, {patience});
      if (is_cancelled) {
        call.cancel();
        end(call.get(), withdrawn, sent);
      } else {
        call = {};
        ++mine_.dropped;
        ++mine_.finished;
      }
    }
  }
  void tell(std::uint64_t count) {
    const auto tell = method("teller", "tell");
    if (!tell) {
      return;
    }
    std::array<Told, batch> told{};
    std::array<PendingCall, batch> calls;
    for (std::uint64_t i = 0; i < count; ++i) {
      told[i] = {number_, ++mine_.told};
      ++mine_.started;
      calls[i] = tell->start(std::as_bytes(std::span(&told[i], 1)), {patience});
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      const Reply reply = calls[i].get();
      end(reply, ordinary, {reinterpret_cast<const char*>(&told[i]), sizeof(Told)});
      if (reply.ok() && mine_.executed[told[i].number % calls_kept] != told[i].number) {
        complain(ledger_, "caller " + std::to_string(number_) + ": a call is answered that nobody executed");
      }
    }
  }

  Ledger& ledger_;
  Caller& mine_;
  std::uint64_t number_;
  const Resolve& resolve_;
  std::uint64_t dice_;
};

} // namespace

void call_on_and_on(Ledger& ledger, std::size_t number, const Resolve& resolve) {
  Calls calls(ledger, number, resolve);
  auto& mine = ledger.callers[number];
  for (;;) {
    const auto order = ledger.order.load();
    switch (Ledger::of(order)) {
    case Order::end: return;
    case Order::work: calls.one_round(); continue;
    case Order::touch:
      if (mine.quiet != order) {
        calls.touch();
      }
      break;
    case Order::rest: break;
    }
    mine.quiet = order;
    note_heap(ledger);
    wait_for_order(ledger, order);
  }
}

std::string fleet_name(const std::string& word) {
  return word;
}
std::string second_fleet_name(const std::string& word) {
  return word + "-second";
}

int play_client(const Part& part, Ledger& ledger) {
  Client client(fleet_name(part.word), patience);
  const Resolve resolve = [&](std::string_view module, std::string_view name) { return client.method(module, name); };
  std::vector<std::thread> threads;
  for (auto number = part.numbers[0]; number < part.numbers[1]; ++number) {
    threads.emplace_back([&, number] { call_on_and_on(ledger, number, resolve); });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  return 0;
}

int play_scheduler(const Part& part, Ledger& ledger) {
  fleet::Topology topology;
  topology.fleet.name = second_fleet_name(part.word);
  fleet::ModuleSpec echo;
  echo.id = "echo";
  echo.path = shipped_module("echo");
  echo.instances = 2;
  topology.modules.push_back(echo);
  Fleet fleet(topology);
  ++ledger.scheduler_ready;
  fleet.wait_for_stop();
  return 0;
}

} // namespace ringfleet::soak
