// The soak: random operations, crashes, stops, reloads, joins and leaves under load, with a ledger, for as long as one
// likes. After each epoch everything comes to rest, nothing may be missing, and every process must hold what it held
// after the first one. faults 40, 42, 43, 44, 45.
//
//   soak [MINUTES] [--seed SEED] [--events PER_EPOCH] [--epochs COUNT]

#include "events.hpp"
#include "scheduler_death.hpp"
#include "stage.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/process.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <malloc.h>
#include <poll.h>
#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::soak;

namespace {

struct Plan {
  std::uint64_t seed = std::random_device{}();
  std::uint64_t minutes = 30;
  std::uint64_t epochs = 0; // 0: as many as there is time for
  std::uint64_t events = 300;
  std::uint64_t schedulers = 3; // killed in an epoch
};

int usage() {
  std::fputs("usage: soak [MINUTES] [--seed SEED] [--events PER_EPOCH] [--epochs COUNT]\n", stderr);
  return 2;
}

bool read_plan(int argc, char** argv, Plan& plan) {
  const auto number = [&](const char* text, std::uint64_t& into) {
    char* end = nullptr;
    into = std::strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0';
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    auto* const into = word == "--seed"      ? &plan.seed
                       : word == "--minutes" ? &plan.minutes
                       : word == "--events"  ? &plan.events
                       : word == "--epochs"  ? &plan.epochs
                                             : nullptr;
    if (into != nullptr ? ++i == argc || !number(argv[i], *into) : !number(argv[i], plan.minutes)) {
      return false;
    }
  }
  return plan.minutes != 0 && plan.events != 0;
}

// A process of the soak: `--role ROLE LEDGER DIRECTORY WORD PARENT PLACE NUMBERS…`.
int play(int argc, char** argv) {
  if (argc < 8 || !os::set_parent_death_signal(SIGKILL, std::atoi(argv[6]))) {
    return 2;
  }
  Part part;
  part.role = argv[2];
  part.ledger = argv[3];
  part.directory = argv[4];
  part.word = argv[5];
  name_own_place(std::strtoull(argv[7], nullptr, 10));
  for (int i = 8; i < argc; ++i) {
    part.numbers.push_back(std::strtoull(argv[i], nullptr, 10));
  }
  auto& ledger = map_ledger(part.ledger, false);
  try {
    return part.role == "producer"    ? play_producer(part, ledger)
           : part.role == "reader"    ? play_reader(part, ledger)
           : part.role == "lossy"     ? play_lossy(part, ledger)
           : part.role == "fan-in"    ? play_fan_in(part, ledger)
           : part.role == "visitor"   ? play_visitor(part, ledger)
           : part.role == "group"     ? play_group(part, ledger)
           : part.role == "worker"    ? play_worker(part, ledger)
           : part.role == "client"    ? play_client(part, ledger)
           : part.role == "scheduler" ? play_scheduler(part, ledger)
                                      : 2;
  } catch (const std::exception& error) {
    complain(ledger, "a " + part.role + ": " + error.what());
    return 1;
  }
}

std::uint64_t runner_deaths(Stage& stage) {
  std::uint64_t sum = 0;
  for (const auto& module : stage.fleet().status().modules) {
    sum += module.restarts;
  }
  return sum;
}

class Soak {
public:
  explicit Soak(const Plan& plan) : plan_(plan), events_(stage_, plan.seed), began_(monotonic_now()) {}

  void run() {
    const auto enough = deadline_after(began_, std::chrono::minutes(plan_.minutes));
    while (plan_.epochs != 0 ? epochs_ < plan_.epochs : monotonic_now() < enough || epochs_ < 2) {
      epoch();
      if (stage_.ledger().complaints != 0) {
        throw std::runtime_error("the ledger has complaints");
      }
    }
    print_table();
    const auto crashes_survived = crashes();
    stage_.go_down();
    if (stage_.ledger().complaints != 0) {
      throw std::runtime_error("the ledger has complaints at the end");
    }
    std::printf("totals: soak_epochs=%lu crashes=%lu reloads=%lu soak_calls=%lu soak_messages=%lu\n", epochs_,
                crashes_survived, stage_.deeds().reloads + stage_.deeds().rollbacks, stage_.calls_finished(),
                stage_.messages_seen());
  }
  [[nodiscard]] Stage& stage() noexcept { return stage_; }

private:
  void epoch() {
    stage_.order(Order::work);
    for (std::uint64_t i = 0; i < plan_.events; ++i) {
      events_.next();
      if (stage_.ledger().complaints != 0) {
        throw std::runtime_error("somebody complained");
      }
    }
    events_.calm_down();
    stage_.order(Order::rest);
    stage_.check_that_nothing_is_lost();
    lose_schedulers(stage_, events_, plan_.schedulers);
    schedulers_ += plan_.schedulers;
    stage_.settle();
    compare();
    ++epochs_;
    const auto& scheduler = last_.processes.front();
    fmt::print("epoch {}: {} events, {} crashes, {} reloads, {} calls, {} messages so far; at rest {} KiB, {} "
               "descriptors, {} mappings, {} threads, {} names, {} files{}\n",
               epochs_, epochs_ * plan_.events, crashes(), stage_.deeds().reloads.load(), stage_.calls_finished(),
               stage_.messages_seen(), scheduler.resident_kib, scheduler.descriptors, scheduler.mappings,
               scheduler.threads, last_.debris.shared_memory, last_.debris.runtime,
               epochs_ == 1 ? ", from here on the same" : "");
    std::fflush(stdout);
  }

  // What is given back is given back soon, but not at once: what is there first is what stays for a while, and what is
  // there later is looked at until it is the same.
  void compare() {
    last_ = stage_.picture();
    if (epochs_ == 0) {
      constexpr int looks = 50;
      for (int same = 0; same < looks; ::poll(nullptr, 0, 10)) {
        base_ = std::exchange(last_, stage_.picture());
        same = differences(base_, last_).empty() ? same + 1 : 0;
      }
      return;
    }
    std::vector<std::string> found;
    const auto give_up = deadline_after(monotonic_now(), std::chrono::seconds(30));
    do {
      last_ = stage_.picture();
      found = differences(base_, last_);
    } while (!found.empty() && monotonic_now() < give_up);
    for (const auto& line : found) {
      complain(stage_.ledger(), "after epoch " + std::to_string(epochs_ + 1) + " " + line);
    }
  }

  [[nodiscard]] std::uint64_t crashes() { return runner_deaths(stage_) + stage_.cast().killed() + schedulers_; }

  void print_table() {
    fmt::print("\n{:<28}{:>12}\n", "event", "times");
    for (std::size_t kind = 0; kind < event_kinds; ++kind) {
      const auto event = static_cast<Event>(kind);
      fmt::print("{:<28}{:>12}\n", to_string(event), events_.count(event));
    }
    fmt::print("{:<28}{:>12}\n\n{:<28}{:>12}\n", "scheduler killed", schedulers_, "calls ended as", "times");
    std::uint64_t dropped = 0;
    std::uint64_t orphaned = 0;
    std::uint64_t executed = 0;
    for (const auto& caller : stage_.ledger().callers) {
      dropped += caller.dropped;
      orphaned += caller.orphaned;
      executed += caller.executions;
    }
    for (std::size_t status = 0; status < statuses; ++status) {
      std::uint64_t sum = 0;
      for (const auto& caller : stage_.ledger().callers) {
        sum += caller.ended[status];
      }
      if (sum != 0) {
        fmt::print("{:<28}{:>12}\n", to_string(static_cast<CallStatus>(status)), sum);
      }
    }
    fmt::print("{:<28}{:>12}\n{:<28}{:>12}\n{:<28}{:>12}\n", "given up by the caller", dropped,
               "killed with the caller", orphaned, "executed by `teller`", executed);
    fmt::print("\n{:<36}{:>12}{:>12}{:>12}\n", "messages heard of, by", "seen", "repeated", "missed");
    for (std::size_t channel = 0; channel < channels_max; ++channel) {
      constexpr std::array<const char*, readers_max> who{"never killed", "killed", "fan-in", "lossy"};
      for (std::size_t reader = 0; reader < readers_max; ++reader) {
        const auto& readings = stage_.ledger().channels[channel].readers[reader];
        if (readings.ready != 0) {
          const auto whose = channel < open_channels ? std::string(", ") + who[reader] : fmt::format(", {}", reader);
          fmt::print("{:<36}{:>12}{:>12}{:>12}\n", std::string(channel_plans[channel].title) + whose,
                     readings.seen.load(), readings.repeated.load(), readings.missed.load());
        }
      }
    }
    fmt::print("\n{:<36}{:>16}{:>14}{:>12}{:>12}{:>8}{:>9}{:>8}\n", "at rest, first/last", "allocated", "KiB of heap",
               "files", "shared", "descr.", "mappings", "threads");
    for (std::size_t i = 0; i < base_.processes.size(); ++i) {
      const auto& then = base_.processes[i];
      const auto& now = last_.processes[i];
      const auto pair = [](std::uint64_t one, std::uint64_t two) { return fmt::format("{}/{}", one, two); };
      fmt::print("{:<36}{:>16}{:>14}{:>12}{:>12}{:>8}{:>9}{:>8}\n", now.of, pair(then.heap_bytes, now.heap_bytes),
                 pair(then.heap_kib, now.heap_kib), pair(then.file_kib, now.file_kib),
                 pair(then.shared_kib, now.shared_kib), pair(then.descriptors, now.descriptors),
                 pair(then.mappings, now.mappings), pair(then.threads, now.threads));
    }
    std::fflush(stdout);
  }

  Plan plan_;
  Stage stage_;
  Events events_;
  MonotonicNs began_;
  Picture base_;
  Picture last_;
  std::uint64_t epochs_ = 0;
  std::uint64_t schedulers_ = 0;
};

} // namespace

namespace {

// What was freed and is kept for the thread that freed it would count as allocated: see resources.hpp. The processes
// that are started inherit it.
void keep_nothing_that_is_freed(char** argv) {
  constexpr const char* variable = "GLIBC_TUNABLES";
  if (std::getenv(variable) == nullptr) {
    ::setenv(variable, "glibc.malloc.tcache_count=0", 1);
    ::execv("/proc/self/exe", argv); // when it fails it counts less exactly
  }
}

} // namespace

int main(int argc, char** argv) {
  keep_nothing_that_is_freed(argv);
  // One heap for all threads: which of them asked first would decide how many mappings there are.
  ::mallopt(M_ARENA_MAX, 1);
  if (argc > 1 && std::string_view(argv[1]) == "--role") {
    return play(argc, argv);
  }
  Plan plan;
  if (!read_plan(argc, argv, plan)) {
    return usage();
  }
  std::printf("soak: seed %lu\n", plan.seed);
  std::fflush(stdout);
  std::unique_ptr<Soak> soak;
  try {
    soak = std::make_unique<Soak>(plan);
    soak->run();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "soak: failed: %s; seed %lu\n", error.what(), plan.seed);
    if (soak) {
      std::fprintf(stderr, "soak: the first complaint: %s\n%s", soak->stage().ledger().first_complaint.data(),
                   soak->stage().recent_events().c_str());
    }
    return 1;
  }
}
