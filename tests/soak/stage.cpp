#include "stage.hpp"

#include "paths.hpp"
#include "reading.hpp"

#include <chrono>
#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

namespace ringfleet::soak {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t embedded_callers = 2; // then two of each client
constexpr std::size_t client_processes = 3; // the first one stays

} // namespace

Stage::Stage() {
  directory_ = (std::filesystem::temp_directory_path() / "ringfleet-soak-XXXXXX").string();
  if (::mkdtemp(directory_.data()) == nullptr) {
    throw std::runtime_error("no directory can be made in " + std::filesystem::temp_directory_path().string());
  }
  word_ = "soak" + std::to_string(::getpid());
  ::setenv("RINGFLEET_DIR", (directory_ + "/run").c_str(), 1);
  ::setenv("RINGFLEET_RUNNER", std::string(runner_program).c_str(), 1);
  common_.ledger = directory_ + "/ledger";
  common_.directory = directory_;
  common_.word = word_;
  ledger_ = &map_ledger(common_.ledger, true);
  ledger_->order = static_cast<std::uint32_t>(Order::rest);
  cast_ = std::make_unique<Cast>(*ledger_, common_);
  start_channels();
  start_fleet();
  start_callers();
}

Stage::~Stage() {
  ledger_->order = ledger_->order / 4 * 4 + 4 + static_cast<std::uint32_t>(Order::end);
  cast_->let_time_pass(true);
  crasher_.reset();
  deployer_.reset();
  for (auto& caller : callers_) {
    caller.join();
  }
  cast_.reset(); // who is left is killed
  fleet_.reset();
  for (std::size_t channel = 0; channel < channels_max; ++channel) {
    for (const char* part : {"", "members", "arena", "lock"}) {
      ::unlink(place_of(channel, directory_, word_).path(part).c_str());
    }
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void Stage::start_channels() {
  for (std::size_t channel = 0; channel < open_channels; ++channel) {
    const auto& plan = channel_plans[channel];
    for (std::size_t stream = 0; stream < plan.producers; ++stream) {
      constexpr std::size_t resident_stream = 1; // of many
      cast_->enter("producer", {channel, stream}, stream == resident_stream);
    }
    cast_->enter("reader", {channel, resident_reader}, true);
    cast_->enter("reader", {channel, mortal_reader}, false);
    cast_->enter("lossy", {channel}, channel == 1 || channel == 2);
  }
  cast_->enter("fan-in", {}, false);
  cast_->enter("group", {}, false);
  for (std::size_t number = 0; number < group_workers; ++number) {
    cast_->enter("worker", {number}, number != 0);
  }
  wait_for_readers();
}

void Stage::wait_for_readers() {
  until(*ledger_, "the readers to join", [&] {
    cast_->look_after_everybody();
    for (std::size_t channel = 0; channel < channels_max; ++channel) {
      const auto readers = channel < open_channels ? readers_max : channel_plans[channel].readers;
      for (std::size_t reader = 0; reader < readers; ++reader) {
        if (ledger_->channels[channel].readers[reader].ready == 0) {
          return false;
        }
      }
    }
    return true;
  });
}

// The counters of a dead reader stay, to be looked at, until the next one joins.
void Stage::replace_readers() {
  for (auto& actor : cast_->actors()) {
    if (!actor.resident && (actor.part.role == "reader" || actor.part.role == "lossy" || actor.part.role == "fan-in")) {
      for (auto* const ready : ready_words(actor.part)) {
        *ready = 0;
      }
      cast_->replace(actor);
    }
  }
  wait_for_readers();
}

// Of each channel that it reads.
std::vector<Word*> Stage::ready_words(const Part& part) {
  std::vector<Word*> words;
  const auto of = [&](std::size_t channel, std::size_t reader) {
    words.push_back(&ledger_->channels[channel].readers[reader].ready);
  };
  if (part.role == "reader") {
    of(part.numbers[0], part.numbers[1]);
  } else if (part.role == "lossy") {
    of(part.numbers[0], lossy_reader);
  } else {
    for (std::size_t channel = 0; channel < open_channels; ++channel) {
      of(channel, fan_in_reader);
    }
  }
  return words;
}

void Stage::start_fleet() {
  fleet::Topology topology;
  topology.fleet.name = fleet_name(word_);
  auto teller = module_spec("teller", teller_module(1), 2);
  teller.config = R"({"ledger":")" + common_.ledger + "\"}";
  topology.modules = {module_spec("echo", shipped_module("echo"), 2), teller,
                      module_spec("bad", shipped_module("misbehave"), 1), guest_spec()};
  FleetOptions options;
  options.unlimited_restarts = true;
  options.on_event = [this](std::string_view event) { tell(event); };
  options.on_log = [](const LogLine&) {};
  fleet_ = std::make_unique<Fleet>(std::move(topology), std::move(options));
  deeds_ = std::make_unique<Deeds>(*ledger_, *fleet_);
  deployer_ = std::make_unique<Worker>();
  crasher_ = std::make_unique<Worker>();
}

void Stage::start_callers() {
  const Resolve resolve = [this](std::string_view module, std::string_view name) {
    return fleet_->method(module, name);
  };
  for (std::size_t number = 0; number < embedded_callers; ++number) {
    callers_.emplace_back([this, number, resolve] { call_on_and_on(*ledger_, number, resolve); });
  }
  for (std::size_t client = 0; client < client_processes; ++client) {
    const auto first = embedded_callers + 2 * client;
    cast_->enter("client", {first, first + 2}, client == 0);
  }
}

void Stage::order(Order order) {
  const std::uint32_t word = ledger_->order / 4 * 4 + 4 + static_cast<std::uint32_t>(order);
  ledger_->order = word;
  if (order == Order::work || order == Order::end) {
    return;
  }
  until(*ledger_, "everybody to come to rest", [&] {
    cast_->look_after_everybody();
    for (std::size_t channel = 0; channel < channels_max; ++channel) {
      for (std::size_t stream = 0; stream < channel_plans[channel].producers; ++stream) {
        if (ledger_->quiet_producers[channel][stream] != word) {
          return false;
        }
      }
    }
    for (auto& caller : ledger_->callers) {
      if (caller.quiet != word) {
        return false;
      }
    }
    return true;
  });
}

// What is missing it has been told of: the last message of one of several producers may have been overwritten while the
// reader was dead. One that was never dead has everything.
bool Stage::has_read_all(std::size_t channel, std::size_t reader) {
  auto& here = ledger_->channels[channel];
  auto& readings = here.readers[reader];
  std::uint64_t missing = 0;
  for (std::size_t stream = 0; stream < channel_plans[channel].producers; ++stream) {
    const auto life = here.streams[stream].life.load();
    missing += accepted_between(here.streams[stream], Place::of(readings.next[stream]),
                                {life, here.streams[stream].at(life).accepted});
  }
  return missing == 0 || (channel < open_channels && reader != resident_reader &&
                          readings.end == here.readers[resident_reader].end && missing <= readings.untold);
}

std::string Stage::what_it_has_read(std::size_t channel, std::size_t reader) {
  auto& here = ledger_->channels[channel];
  auto& readings = here.readers[reader];
  auto text =
      fmt::format("it came to block {}, the one that is never killed to {}; it was told of {} missed blocks, of "
                  "{} it knows no message; it is joining: {}",
                  readings.end.load(), here.readers[resident_reader].end.load(), readings.missed.load(),
                  readings.untold.load(), readings.joining.load());
  for (std::size_t stream = 0; stream < channel_plans[channel].producers; ++stream) {
    const auto wanted = Place::of(readings.next[stream]);
    const auto life = here.streams[stream].life.load();
    text += fmt::format("; of stream {} it waits for number {} of life {}, {} of life {} were accepted", stream,
                        wanted.number, wanted.life, here.streams[stream].at(life).accepted.load(), life);
  }
  return text;
}

void Stage::check_that_nothing_is_lost() {
  for (std::size_t channel = 0; channel < channels_max; ++channel) {
    for (std::size_t reader = 0; reader < channel_plans[channel].readers; ++reader) {
      until(
          *ledger_,
          "reader " + std::to_string(reader) + " of channel " + std::to_string(channel) +
              " to have all that was accepted",
          [&] { return has_read_all(channel, reader); }, [&] { return what_it_has_read(channel, reader); });
    }
  }
  for (std::size_t channel = 0; channel < open_channels; ++channel) {
    const auto& readers = ledger_->channels[channel].readers;
    // A message in fragments it may have come upon in the middle: then it has not seen the last one, but come past it.
    until(*ledger_, "the lossy reader of channel " + std::to_string(channel) + " to come to its end", [&] {
      const auto& lossy = readers[lossy_reader];
      const auto& resident = readers[resident_reader];
      return lossy.end == resident.end && (!channel_plans[channel].is_dense() || lossy.position == resident.position);
    });
  }
  for (std::size_t number = 0; number < callers_max; ++number) {
    auto& caller = ledger_->callers[number];
    std::uint64_t ended = caller.dropped + caller.orphaned;
    for (auto& count : caller.ended) {
      ended += count;
    }
    if (caller.started != caller.finished || ended != caller.finished) {
      complain(*ledger_, "caller " + std::to_string(number) + ": " + std::to_string(caller.started) +
                             " calls were started, " + std::to_string(ended) + " ended");
    }
    if (caller.executions > caller.told) {
      complain(*ledger_, "caller " + std::to_string(number) + ": more calls were executed than made");
    }
  }
}

void Stage::settle() {
  deeds_->load_guest();
  order(Order::touch);
  order(Order::rest);
  replace_readers();
  deeds_->crash(3, 1);
  for (const char* module : {"echo", "teller", "bad", "guest"}) {
    deeds_->reload(module, true);
  }
}

Picture Stage::picture() {
  Picture picture;
  picture.processes.push_back(resources_of(::getpid(), "the scheduler"));
  const auto heap = ::mallinfo2();
  picture.processes.back().heap_bytes = heap.uordblks + heap.hblkhd;
  for (auto& actor : cast_->actors()) {
    if (actor.resident) {
      std::string of = "a " + actor.part.role;
      if (actor.part.role == "lossy") {
        of += " reader";
      }
      if (actor.part.role == "worker") {
        of += " of the group";
      } else if (actor.part.role != "client") {
        of += " of " + std::string(channel_plans[actor.part.numbers[0]].title);
      }
      picture.processes.push_back(resources_of(actor.process.pid(), of));
      picture.processes.back().heap_bytes = ledger_->heap[actor.part.place];
    }
  }
  picture.debris = debris_of(word_, directory_ + "/run");
  return picture;
}

std::uint64_t Stage::calls_finished() const {
  std::uint64_t sum = 0;
  for (auto& caller : ledger_->callers) {
    sum += caller.finished;
  }
  return sum;
}

std::uint64_t Stage::messages_seen() const {
  std::uint64_t sum = 0;
  for (auto& channel : ledger_->channels) {
    for (auto& reader : channel.readers) {
      sum += reader.seen;
    }
  }
  return sum;
}

void Stage::tell(std::string_view event) {
  constexpr std::size_t kept = 30;
  const std::lock_guard lock(mutex_);
  events_.emplace_back(event);
  if (events_.size() > kept) {
    events_.pop_front();
  }
}

std::string Stage::recent_events() {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& event : events_) {
    text += "  " + event + "\n";
  }
  return text;
}

void Stage::go_down() {
  order(Order::end);
  cast_->wait_for_the_end();
  for (auto& caller : callers_) {
    caller.join();
  }
  callers_.clear();
  fleet_.reset();
  const auto left = debris_of(word_, directory_ + "/run/" + fleet_name(word_));
  constexpr std::uint64_t its_lock = 1; // stays, for the next one of that name
  if (left.children != 0 || left.runtime > its_lock) {
    complain(*ledger_, "after the end there are " + std::to_string(left.children) + " processes and " +
                           std::to_string(left.runtime) + " files of the fleet");
  }
}

} // namespace ringfleet::soak
