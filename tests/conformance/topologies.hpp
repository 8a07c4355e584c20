#pragma once

// The topologies, each once, for any world: who produces, who reads, who waits for whom; and what each reader checks:
// every element once, intact, in the order of its producer, and not before those that it follows are done with it.

#include "world.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace ringfleet::ring::conformance {

struct Element {
  std::uint64_t producer;
  std::uint64_t number;
  std::uint64_t check;
};
inline Element element(std::uint64_t producer, std::uint64_t number) {
  return {producer, number, (producer + 1) * 0x9e37'79b9'7f4a'7c15 ^ number};
}
inline bool is_intact(const Element& seen) {
  return seen.check == element(seen.producer, seen.number).check;
}

// Elements of each producer.
inline constexpr std::uint64_t total = 20'000 / ringfleet::test::scale_down;

inline RingSpec ring_of_elements(Producers producers) {
  RingSpec spec;
  spec.unit_bytes = sizeof(Element);
  spec.producers = producers;
  return spec;
}

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
                       std::span<const std::uint32_t> followed) {
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

// The lines that each reader follows, by its own line: {{}, {0}} is a pipeline of two. Whoever follows comes after
// those that it follows.
using Follows = std::vector<std::vector<std::uint32_t>>;

// Each reader is an actor: read(actor, line, what it follows) says how much was wrong, and arrives when it has joined.
template <class Read>
void start_readers(World& world, const Follows& follows, Read&& read) {
  for (std::size_t line = 0; line < follows.size(); ++line) {
    world.start([&follows, read, line](std::size_t actor) -> std::uint64_t {
      return read(actor, line, std::span(follows[line]));
    });
    world.wait_for_arrivals(static_cast<std::uint32_t>(line + 1));
  }
}
// All have seen the same, in the same order.
inline std::uint64_t count_other_orders(World& world, const Follows& follows) {
  std::uint64_t wrong = 0;
  for (std::size_t line = 1; line < follows.size(); ++line) {
    wrong += world.board().order[line] != world.board().order[0];
  }
  return wrong;
}

// One producer, and readers that may follow others. Returns how much was wrong.
inline std::uint64_t run_readers(World& world, const Follows& follows) {
  const auto ring = world.make_ring(ring_of_elements(Producers::one));
  start_readers(world, follows, [&world, ring](std::size_t actor, std::size_t line, auto before) -> std::uint64_t {
    const auto space = world.reading(ring);
    auto reader = Reader<Element>::join(space.memory<Element>(), line, {.follows = before}, world.options());
    return reader ? read_all(world, actor, std::move(*reader), 1, before) : 1;
  });
  return produce_alone(world, ring, 0) + world.finish();
}

// Many producers, one total order, and readers that may follow others.
inline std::uint64_t run_many(World& world, std::size_t producers, const Follows& follows) {
  const auto ring = world.make_ring(ring_of_elements(Producers::many));
  const auto read = [&world, ring, producers](std::size_t actor, std::size_t line, auto before) -> std::uint64_t {
    const auto space = world.reading(ring);
    auto reader =
        SharedReader<Element>::join(space.shared_memory<Element>(), line, {.follows = before}, world.options());
    return reader ? read_all(world, actor, std::move(*reader), producers, before) : 1;
  };
  start_readers(world, follows, read);
  for (std::size_t id = 0; id < producers; ++id) {
    world.start([&world, ring, id](std::size_t) { return produce_among_many(world, ring, id); });
  }
  const auto wrong = world.finish();
  return wrong + count_other_orders(world, follows);
}

// One reader over a ring of each producer.
inline std::uint64_t run_fan_in(World& world, std::size_t producers) {
  for (std::size_t id = 0; id < producers; ++id) {
    (void)world.make_ring(ring_of_elements(Producers::one));
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
