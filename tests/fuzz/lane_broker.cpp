// Runners and clients that answer anything in any order while lanes and arenas are made between them, refuse what they
// have taken already, and seal what is not theirs to seal. The broker refuses or ignores it, and its books stay right.

#include "ringfleet/fleet/detail/lane_broker.hpp"
#include "input.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/call/lane_segment.hpp"
#include "ringfleet/fleet/detail/channel_link.hpp"

#include <chrono>
#include <set>
#include <utility>

#include <fcntl.h>

using namespace ringfleet;
using namespace ringfleet::fuzz;

namespace {

constexpr call::LaneShape small{4, 64, 2};

class Observer final : public fleet::RunnerObserver {
public:
  void on_ready(fleet::Runner&) override {}
  void on_message(fleet::Runner&, call::ControlMessage&) override {}
  void on_drained(fleet::Runner&) override {}
  void on_gone(fleet::Runner&) override {}
  void on_line(fleet::Runner&, LogStream, std::string_view) override {}
};

// A process that is gone before anybody asks: what it would say, the input says.
fleet::Runner& runner() {
  static fleet::EventLoop loop; // never runs
  static Observer observer;
  static fleet::ArtifactStore store;
  static fleet::Runner made({.serial = 3,
                             .program = "/bin/true",
                             .module = "fuzz",
                             .number = 1,
                             .config = "{}",
                             .artifact = store.ingest("/proc/self/exe"),
                             .start_timeout = std::chrono::hours(1),
                             .stop_timeout = std::chrono::hours(1),
                             .counter_path = {},
                             .fleet_name = "fuzz"},
                            loop, observer);
  return made;
}

// Keeps the descriptors that it is given, as a hostile one would.
class Client final : public fleet::ChannelLink {
public:
  [[nodiscard]] bool inside_before(std::uint64_t) const override { return false; }
  [[nodiscard]] std::string name() const override { return "a client"; }

  // Of what came last: seals that take the scheduler's own way away.
  void seal_last(Input& input) {
    constexpr int seals[] = {F_SEAL_SEAL, F_SEAL_WRITE, F_SEAL_SEAL | F_SEAL_FUTURE_WRITE, F_SEAL_FUTURE_WRITE};
    if (!kept_.empty()) {
      (void)::fcntl(kept_.back().get(), F_ADD_SEALS, seals[input.take<std::uint8_t>() % std::size(seals)]);
    }
  }

private:
  void send(const call::ControlMessage& message, std::span<const int> descriptors) override {
    require(message.text.size() <= call::control_text_bytes_max, "a message fits its packet");
    const std::pair arena(message.a, message.b);
    if (message.type == call::ControlType::arena_ready) {
      usable_.insert(arena);
    }
    require(message.type != call::ControlType::arena_offer || !usable_.contains(arena),
            "the number of an arena in use is not given to another one");
    for (const int descriptor : descriptors) {
      kept_.emplace_back(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    }
    if (kept_.size() > 8) {
      kept_.erase(kept_.begin());
    }
  }
  std::vector<os::Descriptor> kept_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> usable_; // lane, number
};

enum Step : std::uint8_t {
  connect,
  runner_mapped,
  client_mapped,
  runner_ready,
  client_ready,
  wanted_by_runner,
  wanted_by_client,
  mapped_by_runner,
  mapped_by_client,
  ready_at_runner,
  ready_at_client,
  seal,
  client_gone,
  runner_closed,
  runner_gone,
  dropped,
  hung,
  refused_by_runner,
  refused_by_client,
  lane_refused,
  steps
};

void run_step(fleet::LaneBroker& broker, Client& client, Input& input) {
  const auto step = static_cast<Step>(input.take<std::uint8_t>() % steps);
  const auto lane = input.take<std::uint8_t>() % 4U;
  const std::uint32_t number = input.take<std::uint8_t>();
  auto& its = runner();
  switch (step) {
  case connect: broker.connect(its, client, small, number % 2 != 0); break;
  case runner_mapped: broker.runner_mapped(its, lane); break;
  case client_mapped: broker.client_mapped(client, lane); break;
  case runner_ready: broker.runner_ready(its, lane); break;
  case client_ready: broker.client_ready(client, lane); break;
  case wanted_by_runner: broker.arena_wanted_by_runner(its, lane, number * 100); break;
  case wanted_by_client: broker.arena_wanted_by_client(client, lane, number == 255 ? ~0ULL : number); break;
  case mapped_by_runner: broker.arena_mapped_by_runner(its, lane, number); break;
  case mapped_by_client: broker.arena_mapped_by_client(client, lane, number); break;
  case ready_at_runner: broker.arena_ready_at_runner(its, lane, number); break;
  case ready_at_client: broker.arena_ready_at_client(client, lane, number); break;
  case seal: client.seal_last(input); break;
  case client_gone: broker.client_gone(client); break;
  case runner_closed: broker.runner_closed(its); break;
  case runner_gone: broker.runner_gone(its, std::string(number * 600, 'x')); break;
  case dropped: broker.runner_dropped(its, lane); break;
  case refused_by_runner: broker.arena_refused_by_runner(its, lane, number % 8, number >= 128); break;
  case refused_by_client: broker.arena_refused_by_client(client, lane, number % 8, number >= 128); break;
  case lane_refused: broker.client_refused(client, lane); break;
  default: {
    policy::OwnTime own(std::chrono::milliseconds(250));
    (void)broker.find_hung(own);
  }
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Client client;
  fleet::LaneBroker broker([] {});
  for (int i = 0; !input.empty() && i < 48; ++i) {
    try {
      run_step(broker, client, input);
    } catch (const Error&) {
      // The control server drops the client that this came from, the supervisor the runner.
    }
    require(broker.lanes_of(runner()) <= limits::lanes_per_runner_max, "no more lanes than a runner serves");
  }
  broker.runner_gone(runner(), "the end");
  require(broker.lanes_of(runner()) == 0 && !broker.pending(runner()), "a runner that is gone has no lanes");
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  InputMaker honest;
  const auto add = [&](Step step, std::uint8_t number = 0) { honest.add(step).add(std::uint8_t{1}).add(number); };
  for (const auto step : {connect, runner_mapped, client_mapped, runner_ready, client_ready}) {
    add(step);
  }
  for (std::uint8_t number = 1; number < 3; ++number) {
    add(wanted_by_runner, 200);
    add(mapped_by_runner, number);
    add(ready_at_client, number);
    add(wanted_by_client, 200);
    add(mapped_by_client, number);
    add(ready_at_runner, number);
  }
  for (const auto step : {hung, runner_closed, client_gone, hung, dropped}) {
    add(step);
  }
  // Refused on the way, and then once more when it is in use.
  InputMaker refused;
  const auto then = [&](Step step, std::uint8_t number) { refused.add(step).add(std::uint8_t{1}).add(number); };
  for (const auto step : {connect, runner_mapped, client_mapped, runner_ready, client_ready}) {
    then(step, 0);
  }
  then(wanted_by_client, 200);
  then(refused_by_client, 129);
  then(wanted_by_client, 200);
  then(mapped_by_client, 1);
  then(ready_at_runner, 1);
  then(refused_by_runner, 1);
  then(wanted_by_client, 200);
  InputMaker sealed;
  for (const auto step : {connect, seal, runner_mapped, client_mapped, runner_gone}) {
    sealed.add(step).add(std::uint8_t{1}).add(std::uint8_t{255});
  }
  return {honest.make(), refused.make(), sealed.make()};
}
