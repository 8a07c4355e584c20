#pragma once

// The route protocol: one writer (the scheduler) flips between two copies by one store of the epoch; readers copy what
// they need and re-read the epoch. A writer killed anywhere leaves nobody spinning: the copy in force is complete, and
// it is the one it was.
//
// Borrowed idea: the two-version latch of the Linux kernel's seqcount_latch.

#include "ringfleet/base/assert.hpp"
#include "ringfleet/base/atomics.hpp"
#include "ringfleet/fleet/route_layout.hpp"

#include <optional>
#include <span>
#include <vector>

namespace ringfleet::fleet {

struct RouteModule {
  std::uint32_t number = 0;
  std::uint32_t generation = 0;
  Service service = Service::absent;
  std::vector<std::uint64_t> runners; // serials
};

// Scheduler thread only.
template <typename A = Atomics>
class RouteWriter {
public:
  explicit RouteWriter(RouteLayout& layout) noexcept : layout_(layout) {}

  // Puts a complete new route in force and returns its epoch. The number of all targets is at most route_targets_max.
  std::uint64_t publish(std::span<const RouteModule> modules) {
    const std::uint64_t next = A::load_relaxed(layout_.epoch) + 1; // relaxed: we are the only writer
    RouteCopy& copy = layout_.copies[next & 1];
    // SYNC route.words: release; pairs with acquire in RouteReader::read. A reader that still reads this copy under the
    // epoch before last and meets one of these stores also sees that the epoch has moved since, and discards what it
    // read.
    for (std::uint32_t number = 0; number <= limits::modules_max; ++number) {
      A::store_release(copy.modules[number], std::uint64_t{0});
    }
    std::uint32_t first = 0;
    for (const RouteModule& module : modules) {
      const auto count = static_cast<std::uint32_t>(module.runners.size());
      RINGFLEET_ASSERT(first + count <= route_targets_max, "the route has room for every runner");
      for (std::uint32_t i = 0; i < count; ++i) {
        A::store_release(copy.targets[first + i], module.runners[i]);
      }
      A::store_release(copy.modules[module.number], pack({first, count, module.service, module.generation}));
      first += count;
    }
    A::step("route.before_flip");
    // SYNC route.epoch: release; pairs with acquire in RouteReader::epoch. Publishes: the copy just written.
    A::store_release(layout_.epoch, next);
    return next;
  }

private:
  RouteLayout& layout_;
};

// Any thread of any process.
template <typename A = Atomics>
class RouteReader {
public:
  explicit RouteReader(const RouteLayout& layout) noexcept : layout_(&layout) {}

  [[nodiscard]] std::uint64_t epoch() const noexcept {
    // SYNC route.epoch: acquire; pairs with release in RouteWriter::publish.
    return A::load_acquire(layout_->epoch);
  }

  // The module's entry under `epoch`, or nothing when the route has moved on meanwhile (call again with the new epoch).
  [[nodiscard]] std::optional<RouteModule> read(std::uint32_t number, std::uint64_t epoch) const {
    if (number > limits::modules_max) {
      return RouteModule{};
    }
    const RouteCopy& copy = layout_->copies[epoch & 1];
    // SYNC route.words: acquire; pairs with release in RouteWriter::publish.
    const RouteEntry entry = unpack(A::load_acquire(copy.modules[number]));
    RouteModule module{number, entry.generation, entry.service, {}};
    if (entry.first <= route_targets_max && entry.count <= route_targets_max - entry.first) {
      module.runners.reserve(entry.count);
      for (std::uint32_t i = 0; i < entry.count; ++i) {
        module.runners.push_back(A::load_acquire(copy.targets[entry.first + i]));
      }
    }
    if (this->epoch() != epoch) {
      return std::nullopt;
    }
    return module;
  }

private:
  const RouteLayout* layout_;
};

} // namespace ringfleet::fleet
