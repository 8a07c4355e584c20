#pragma once

// The topologies, each once, for any world: who produces, who reads, who waits for whom; and what each reader checks:
// every element once, intact, in the order of its producer, and not before those that it follows are done with it.

#include "world.hpp"

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace ringfleet::ring::conformance {

// Elements of each producer.
inline constexpr std::uint64_t total = 20'000 / ringfleet::test::scale_down;

template <class Producer>
std::uint64_t produce(Producer& producer, std::uint64_t id, auto&& publish) {
  for (std::uint64_t number = 0; number < total;) {
    const auto count = std::min(1 + (number + id) % 5, total - number);
    std::uint64_t first = 0;
    while (producer.claim(count, first, never) != ClaimResult::claimed) {
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      producer.slot(first + i) = element(id, number + i);
    }
    publish(first, count);
    number += count;
  }
  return 0;
}
inline std::uint64_t produce_alone(World& world, std::size_t ring, std::uint64_t id) {
  Producer<Element> producer(world.own(ring).memory<Element>(), world.options());
  return produce(producer, id, [&](std::uint64_t first, std::uint64_t count) { producer.publish(first + count); });
}
inline std::uint64_t produce_among_many(World& world, std::size_t ring, std::uint64_t id) {
  const auto space = world.producing(ring);
  auto producer = SharedProducer<Element>::join(space.shared_memory<Element>(), owner_identity(os::own_identity()),
                                                is_surely_dead_producer, world.options());
  return producer ? produce(*producer, id,
                            [&](std::uint64_t first, std::uint64_t count) { producer->publish(first, count); })
                  : 1;
}

// One reader's account.
struct Ledger {
  explicit Ledger(std::uint64_t producers) : expected(producers, 0) {}

  void note(const Element& seen) {
    const bool is_right = seen.producer < expected.size() && is_intact(seen) && seen.number == expected[seen.producer];
    wrong += !is_right;
    expected[seen.producer % expected.size()] = seen.number + 1;
    order = order * 31 + seen.producer;
    ++count;
  }

  std::vector<std::uint64_t> expected;
  std::uint64_t wrong = 0;
  std::uint64_t count = 0;
  std::uint64_t order = 0;
};

template <class Reader>
std::uint64_t read_all(World& world, std::size_t actor, Reader reader, std::uint64_t producers,
                       std::initializer_list<std::size_t> followed = {}) {
  world.arrive();
  Ledger ledger(producers);
  while (ledger.count < producers * total) {
    if (reader.wait(1, never) != BarrierResult::reached) {
      return 1;
    }
    const auto available = reader.available();
    for (std::uint64_t i = 0; i < available; ++i) {
      for (const auto stage : followed) {
        ledger.wrong += Atomics::load_acquire(world.board().stage[stage]) <= ledger.count;
      }
      ledger.note(reader.slot(reader.position() + i));
    }
    Atomics::store_release(world.board().stage[actor], ledger.count);
    ledger.wrong += reader.release(available) != ReadResult::ok;
  }
  ledger.wrong += reader.available() != 0;
  Atomics::store_release(world.board().order[actor], ledger.order);
  return ledger.wrong;
}

// The readers, each on its line: {{}, {0}} is a pipeline of two. Whoever follows comes after those that it follows.
template <class Join>
void start_readers(World& world, const std::vector<std::vector<std::uint32_t>>& follows, std::uint64_t producers,
                   Join&& join) {
  for (std::size_t line = 0; line < follows.size(); ++line) {
    world.start([&world, &follows, producers, join, line](std::size_t actor) -> std::uint64_t {
      const auto& before = follows[line];
      auto [space, reader] = join(line, JoinOptions{.follows = before});
      if (!reader) {
        return 1;
      }
      switch (before.size()) {
      case 0: return read_all(world, actor, std::move(*reader), producers);
      case 1: return read_all(world, actor, std::move(*reader), producers, {before[0]});
      default: return read_all(world, actor, std::move(*reader), producers, {before[0], before[1]});
      }
    });
    world.wait_for_arrivals(static_cast<std::uint32_t>(line + 1));
  }
}

// One producer, and readers that may follow others. Returns how much was wrong.
inline std::uint64_t run_readers(World& world, const std::vector<std::vector<std::uint32_t>>& follows) {
  const auto ring = world.make_ring(Producers::one);
  start_readers(world, follows, 1, [&world, ring](std::size_t line, const JoinOptions& wish) {
    auto space = world.reading(ring);
    auto reader = Reader<Element>::join(space.memory<Element>(), line, wish, world.options());
    return std::pair(std::move(space), std::move(reader));
  });
  return produce_alone(world, ring, 0) + world.finish();
}

// Many producers, one total order, and readers that may follow others.
inline std::uint64_t run_many(World& world, std::size_t producers,
                              const std::vector<std::vector<std::uint32_t>>& follows) {
  const auto ring = world.make_ring(Producers::many);
  start_readers(world, follows, producers, [&world, ring](std::size_t line, const JoinOptions& wish) {
    auto space = world.reading(ring);
    auto reader = SharedReader<Element>::join(space.shared_memory<Element>(), line, wish, world.options());
    return std::pair(std::move(space), std::move(reader));
  });
  for (std::size_t id = 0; id < producers; ++id) {
    world.start([&world, ring, id](std::size_t) { return produce_among_many(world, ring, id); });
  }
  auto wrong = world.finish();
  for (std::size_t line = 1; line < follows.size(); ++line) {
    wrong += world.board().order[line] != world.board().order[0];
  }
  return wrong;
}

// One reader over a ring of each producer.
inline std::uint64_t run_fan_in(World& world, std::size_t producers) {
  for (std::size_t id = 0; id < producers; ++id) {
    (void)world.make_ring(Producers::one);
  }
  world.start([&world, producers](std::size_t) -> std::uint64_t {
    std::vector<RingSpace> spaces;
    std::vector<Reader<Element>> readers;
    for (std::size_t ring = 0; ring < producers; ++ring) {
      spaces.push_back(world.reading(ring));
      auto reader = Reader<Element>::join(spaces.back().memory<Element>(), 0, {}, world.options());
      if (!reader) {
        return 1;
      }
      readers.push_back(std::move(*reader));
    }
    world.arrive();
    Ledger ledger(producers);
    while (ledger.count < producers * total) {
      bool is_idle = true;
      for (auto& reader : readers) {
        const auto polled = reader.poll([&](const Element& seen) { ledger.note(seen); });
        ledger.wrong += polled.result != ReadResult::ok && polled.result != ReadResult::empty;
        is_idle = is_idle && polled.count == 0;
      }
      if (is_idle) {
        yield_core();
      }
    }
    return ledger.wrong;
  });
  world.wait_for_arrivals(1);
  for (std::size_t id = 0; id < producers; ++id) {
    world.start_here([&world, id](std::size_t) { return produce_alone(world, id, id); });
  }
  return world.finish();
}

} // namespace ringfleet::ring::conformance
