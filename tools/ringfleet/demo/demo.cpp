#include "demo.hpp"

#include "corpus.hpp"
#include "driver.hpp"
#include "trouble.hpp"

#include "../exit_code.hpp"
#include "../output.hpp"

#include "ringfleet/fleet/fleet.hpp"

#include <algorithm>
#include <exception>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ringfleet::cli::demo {
namespace {

using namespace std::chrono_literals;

constexpr auto tick = 50ms;
// After the planned time, for a replacement or reload that is still under way.
constexpr auto patience = 20s;
constexpr std::size_t calls_per_runner = 8;

fleet::Topology topology_of(const DemoOptions& options) {
  auto topology = Fleet::single("zstd", options.module_v1);
  auto& module = topology.modules.front();
  module.instances = options.runners;
  module.call_timeout = 30s; // a restart under full load fits in
  module.slots = 64;
  module.slot_bytes = 8U << 10U; // most headers travel inline, the rest through the arena
  return topology;
}

// The drivers, each in a thread of its own; what one throws ends the demo.
class Drivers {
public:
  Drivers(Methods methods, const Corpus& corpus, Ledger& ledger, std::uint32_t runners) : ledger_(ledger) {
    const std::size_t threads = std::clamp<std::size_t>((runners + 1) / 2, std::min<std::size_t>(runners, 2), 16);
    const std::size_t window = std::max<std::size_t>(calls_per_runner * runners / threads, calls_per_runner);
    for (std::size_t i = 0; i < threads; ++i) {
      drivers_.push_back(std::make_unique<Driver>(methods, corpus, ledger, window));
    }
    for (auto& driver : drivers_) {
      threads_.emplace_back([&driver = *driver, &ledger] {
        try {
          driver.run();
        } catch (const std::exception& error) {
          ledger.fail(error.what());
        }
      });
    }
  }

  ~Drivers() { ledger_.stop(); }
  Drivers(const Drivers&) = delete;
  Drivers& operator=(const Drivers&) = delete;

  [[nodiscard]] Tally join() {
    threads_.clear();
    Tally sum;
    for (const auto& driver : drivers_) {
      sum.add(driver->tally());
    }
    return sum;
  }

private:
  Ledger& ledger_;
  std::vector<std::unique_ptr<Driver>> drivers_;
  std::vector<std::jthread> threads_;
};

// A reload must not outlive the fleet, however run() is left.
struct TroubleEnds {
  Trouble& trouble;
  ~TroubleEnds() { trouble.finish(); }
};

} // namespace

Outcome run(const DemoOptions& options, Narrator& narrator) {
  const auto corpus = scan(options.directory);
  narrator.say(fmt::format("{}: {} files", one_line(corpus.directory), grouped(corpus.files.size())));
  for (const auto& line : corpus.skipped.lines()) {
    narrator.say(line);
  }

  Ledger ledger;
  Trouble trouble(narrator);
  FleetOptions fleet_options;
  fleet_options.on_event = [&](std::string_view event) { trouble.on_event(event); };
  fleet_options.on_log = [&](const LogLine& line) {
    narrator.say(fmt::format("[{}/{}] {}", line.module, line.runner, one_line(line.text)));
  };
  Fleet fleet(topology_of(options), std::move(fleet_options));
  const TroubleEnds trouble_ends{trouble};
  const auto version = fleet.show("zstd").version;
  narrator.say(fmt::format("fleet {} is up: {} runners of zstd {}", fleet.name(), options.runners, one_line(version)));

  const auto started_at = monotonic_now();
  Drivers drivers({fleet.method("zstd", "compress"), fleet.method("zstd", "decompress")}, corpus, ledger,
                  options.runners);
  const auto elapsed = [&] { return Nanoseconds(static_cast<std::int64_t>(monotonic_now() - started_at)); };
  for (auto now = elapsed(); !ledger.stopping(); now = elapsed()) {
    if (now >= options.duration / 3) {
      trouble.kill_once(fleet, ledger);
    }
    trouble.look(ledger);
    if (now >= options.duration * 2 / 3 && trouble.serving_ns() != 0) {
      trouble.reload_once(fleet, ledger, options.module_v2);
    }
    if (now >= options.duration && trouble.over()) {
      break;
    }
    if (now >= options.duration + patience) {
      ledger.fail("the fleet did not recover in time (see its events above)");
    }
    const auto share = static_cast<double>(now.count()) / static_cast<double>(options.duration.count());
    narrator.progress({share, now, ledger.files, ledger.bytes_in});
    trouble.wait_for_change(tick);
  }
  ledger.stop();
  Outcome outcome;
  outcome.tally = drivers.join();
  outcome.elapsed_ns = monotonic_now() - started_at;
  trouble.finish();
  narrator.finish();
  for (const auto& line : outcome.tally.skipped.lines()) {
    narrator.say(line);
  }
  if (outcome.tally.failed != 0) {
    narrator.say(fmt::format("{} calls failed and were made again, the first: {}", grouped(outcome.tally.failed),
                             one_line(outcome.tally.first_failed)));
  }
  outcome.files_total = corpus.files.size();
  outcome.crashes = trouble.deaths();
  outcome.reloads = trouble.reload_ns() == 0 ? 0 : 1;
  outcome.detect_ns = trouble.detect_ns();
  outcome.serving_ns = trouble.serving_ns();
  outcome.reload_ns = trouble.reload_ns();
  outcome.failure = ledger.failure();
  return outcome;
}

} // namespace ringfleet::cli::demo
