// The route and its epochs, as protocol: threads on one piece of memory, no process, no fleet.

#include "ringfleet/fleet/detail/pick_table.hpp"
#include "ringfleet/fleet/detail/thread_lines.hpp"
#include "ringfleet/fleet/epoch.hpp"
#include "ringfleet/fleet/route.hpp"

#include <atomic>
#include <barrier>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::fleet;

namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int flips = 5'000;
#else
constexpr int flips = 50'000;
#endif

std::vector<std::uint64_t> serials(std::uint64_t first, std::size_t count) {
  std::vector<std::uint64_t> all;
  for (std::size_t i = 0; i < count; ++i) {
    all.push_back(first + i);
  }
  return all;
}

} // namespace

TEST_CASE("route: an entry survives packing at its limits") {
  for (const RouteEntry entry :
       {RouteEntry{0, 0, Service::absent, 0}, RouteEntry{1023, 1024, Service::failed, generation_mask},
        RouteEntry{7, 3, Service::serving, 1}}) {
    const RouteEntry back = unpack(pack(entry));
    CHECK(back.first == entry.first);
    CHECK(back.count == entry.count);
    CHECK(back.service == entry.service);
    CHECK(back.generation == entry.generation);
  }
}

TEST_CASE("route: before the first publish every module is absent") {
  const auto layout = std::make_unique<RouteLayout>();
  const RouteReader<> reader(*layout);
  CHECK(reader.epoch() == 0);
  CHECK(reader.read(1, 0)->service == Service::absent);
  CHECK(reader.read(limits::modules_max + 5, 0)->runners.empty());
}

TEST_CASE("route: a reader sees one epoch whole or is told to look again, whatever the writer does") { // DESIGN 8, F10
  const auto layout = std::make_unique<RouteLayout>();
  RouteWriter<> writer(*layout);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> mixed{0};
  std::atomic<std::uint64_t> seen{0};
  std::vector<std::thread> readers;
  for (int thread = 0; thread < 2; ++thread) {
    readers.emplace_back([&] {
      const RouteReader<> reader(*layout);
      std::uint64_t newest = 0;
      while (!stop) {
        const std::uint64_t epoch = reader.epoch();
        mixed += epoch < newest; // epochs never go back
        newest = epoch;
        const auto module = reader.read(1, epoch);
        if (!module || epoch == 0) {
          continue;
        }
        ++seen;
        // Under epoch e the module has (e mod 5) runners with the serials e, e + 1, …
        mixed += module->runners != serials(epoch, epoch % 5);
      }
    });
  }
  for (int flip = 1; flip <= flips; ++flip) {
    const auto epoch = static_cast<std::uint64_t>(flip);
    const RouteModule module{1, 1, Service::serving, serials(epoch, epoch % 5)};
    REQUIRE(writer.publish(std::vector{module}) == epoch);
  }
  stop = true;
  for (auto& reader : readers) {
    reader.join();
  }
  CHECK(mixed == 0);
  MESSAGE(seen.load(), " whole readings");
}

TEST_CASE("route: a writer that died in the middle of a publish leaves the old route in force") { // fault 28
  const auto layout = std::make_unique<RouteLayout>();
  RouteWriter<> writer(*layout);
  writer.publish(std::vector{RouteModule{1, 1, Service::serving, {5, 6}}});
  layout->copies[0].modules[1] = ~std::uint64_t{0}; // it was writing the copy that is not in force
  layout->copies[0].targets[0] = 99;
  const RouteReader<> reader(*layout);
  CHECK(reader.read(1, reader.epoch())->runners == std::vector<std::uint64_t>{5, 6});
}

TEST_CASE("epoch: after a flip nobody is both unseen by the scheduler and unaware of the new route") { // DESIGN 4 and 8
  const auto layout = std::make_unique<RouteLayout>();
  const auto page = std::make_unique<EpochLayout>();
  RouteWriter<> writer(*layout);
  writer.publish({});
  // What the writer retired: a client thread that uses it afterwards has been missed.
  std::atomic<std::uint64_t> retired_before{0};
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> missed{0};
  std::vector<std::thread> clients;
  for (std::size_t thread = 0; thread < 2; ++thread) {
    clients.emplace_back([&, thread] {
      const RouteReader<> reader(*layout);
      while (!stop) {
        const EpochSection<> section(page->lines[thread], reader);
        missed += section.epoch() < retired_before.load(std::memory_order_acquire);
      }
    });
  }
  const EpochPage<> scheduler(*page);
  for (int flip = 0; flip < flips; ++flip) {
    const std::uint64_t epoch = writer.publish({});
    Atomics::store_load_barrier();
    while (scheduler.inside_before(epoch)) {
      std::this_thread::yield();
    }
    retired_before.store(epoch, std::memory_order_release);
  }
  stop = true;
  for (auto& client : clients) {
    client.join();
  }
  CHECK(missed == 0);
}

TEST_CASE(
    "thread lines: each thread has its own, threads beyond the last share one, and ended threads give theirs back") {
  const auto page = std::make_unique<EpochLayout>();
  ThreadLines lines(*page);
  constexpr std::size_t threads = limits::epoch_lines + 8;
  for (int round = 0; round < 3; ++round) {
    std::mutex mutex;
    std::set<EpochLine*> owned;
    std::size_t sharing = 0;
    std::barrier together(static_cast<std::ptrdiff_t>(threads));
    std::vector<std::thread> all;
    for (std::size_t i = 0; i < threads; ++i) {
      all.emplace_back([&] {
        EpochLine* line = lines.own();
        CHECK(line == lines.own());
        {
          const std::lock_guard lock(mutex);
          line == nullptr ? static_cast<void>(++sharing) : static_cast<void>(owned.insert(line));
        }
        if (line == nullptr) {
          auto shared = lines.shared();
          CHECK(&shared.line() == &page->lines[limits::epoch_lines - 1]);
        }
        together.arrive_and_wait(); // all alive at the same moment
      });
    }
    for (auto& thread : all) {
      thread.join();
    }
    CHECK(owned.size() == limits::epoch_lines - 1);
    CHECK(sharing == threads - (limits::epoch_lines - 1));
    CHECK_FALSE(owned.contains(&page->lines[limits::epoch_lines - 1]));
  }
}

TEST_CASE("pick tables: a replaced one lives until every thread that was inside has been seen outside") {
  RetiredTables retired;
  retired.add(std::make_unique<const PickTable>(), 0b101);
  retired.sweep(0b111);
  CHECK_FALSE(retired.empty());
  retired.sweep(0b100); // the first has left
  CHECK_FALSE(retired.empty());
  retired.sweep(0b001); // the third has; the first is inside again, with a newer table
  CHECK(retired.empty());
}
