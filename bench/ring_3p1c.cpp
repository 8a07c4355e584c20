// Messages a second from three producers to one reader that sees them in one order.
//
//   producer 1 --+
//   producer 2 --+--[claims in one order, slots]--> reader: check the numbers of each producer, release
//   producer 3 --+
//
// `ours`: a shared `spin` ring, crash-safe: a claim can be named and repaired by the survivors. `baseline_multi`: many
// producers in the design of the LMAX Disruptor, which stands still for ever when a producer dies inside a claim.
// 8 bytes a message, each claimed and published on its own. Each side has a core of its own; a row for which there are
// too few is missing, and says so. `…_counted` needs no cores: one thread plays all sides, each producer in turn, and
// the instructions of a message on all sides together are counted.

#include "baseline/multi_producer.hpp"
#include "counted/counted_row.hpp"
#include "counted/instructions.hpp"
#include "floors/floors.hpp"
#include "harness/experiment.hpp"
#include "peers/missing.hpp"
#include "stream/ring_memory.hpp"
#include "stream/stream.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/ring/shared_producer.hpp"
#include "ringfleet/ring/shared_reader.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

using namespace ringfleet;
using namespace ringfleet::bench;

namespace {

using Element = std::uint64_t; // producer in the upper byte, number below
constexpr unsigned producer_shift = 56;
constexpr unsigned producers_max = 3;
constexpr std::size_t slots_total = stream_ring_bytes / sizeof(Element);

class Numbers {
public:
  void check(Element element) noexcept {
    const auto producer = element >> producer_shift;
    difference_ |= static_cast<std::uint64_t>(producer >= producers_max) |
                   ((element ^ next_[producer % producers_max]) & ((1ULL << producer_shift) - 1));
    ++next_[producer % producers_max];
    ++checked_;
  }
  [[nodiscard]] std::uint64_t checked() const noexcept { return checked_; }
  void expect_intact() const {
    if (difference_ != 0) {
      throw Error(ErrorCode::bad_message, "the numbers of a producer differ from what it sent");
    }
  }

private:
  std::array<std::uint64_t, producers_max> next_{};
  std::uint64_t checked_ = 0;
  std::uint64_t difference_ = 0;
};

// The two rings behind one face: lies in shared memory, zeroed, then prepare().
struct Ours {
  static constexpr const char* name = "ours";
  static constexpr ring::BarrierOptions spins{.waiting = ring::Waiting::spin, .shared = true};

  void prepare() { ring::format_ring(memory()); }
  [[nodiscard]] auto reader() { return *ring::SharedReader<Element>::join(memory(), 0, {}, spins); }
  [[nodiscard]] auto producer(unsigned id) {
    return *ring::SharedProducer<Element>::join(memory(), id + 1, [](std::uint64_t) { return false; }, spins);
  }
  static void push(ring::SharedProducer<Element>& producer, Element element) {
    std::uint64_t position = 0;
    while (producer.claim(1, position, never) != ring::ClaimResult::claimed) {
    }
    producer.slot(position) = element;
    producer.publish(position, 1);
  }

  ring::SharedRingMemory<Element> memory() { return {lines, owners, descriptors, evicted, joins, readers, slots}; }

  ring::SharedLines lines;
  ring::OwnerTable owners;
  alignas(page_bytes) std::array<std::uint64_t, slots_total> descriptors;
  alignas(page_bytes) std::array<std::uint64_t, 1> evicted;
  alignas(page_bytes) ring::Sequence joins;
  std::array<ring::ReaderLines, 1> readers;
  alignas(page_bytes) std::array<Element, slots_total> slots;
};

struct Baseline {
  static constexpr const char* name = "baseline_multi";
  using Ring = baseline::MultiProducerRing<Element, slots_total>;

  void prepare() { ring.format(); }
  [[nodiscard]] Ring& reader() { return ring; }
  [[nodiscard]] Ring::Producer producer(unsigned /*id*/) { return Ring::Producer(ring); }
  static void push(Ring::Producer& producer, Element element) {
    const std::uint64_t position = producer.claim(1);
    producer.slot(position) = element;
    producer.publish(position, 1);
  }

  Ring ring;
};

template <class Reader>
std::uint64_t take(Reader& reader, Numbers& numbers) {
  const std::uint64_t available = reader.available();
  if (available == 0) {
    return 0;
  }
  const std::uint64_t first = reader.position();
  for (std::uint64_t position = first; position != first + available; ++position) {
    numbers.check(reader.slot(position));
  }
  static_cast<void>(reader.release(available)); // nobody evicts
  return available;
}

template <class Multi>
struct Shared {
  StreamEnd end;
  alignas(page_bytes) std::uint64_t sent_by_all;
  std::uint64_t ended;
  alignas(page_bytes) Multi multi;
};

// The last to end tells the sum.
template <class Multi>
void produce(Shared<Multi>& shared, unsigned id, unsigned producers) {
  auto producer = shared.multi.producer(id);
  Element next = static_cast<Element>(id) << producer_shift;
  std::uint64_t sent = 0;
  do {
    for (std::uint64_t i = 0; i < stream_block; ++i) {
      Multi::push(producer, next++);
    }
    sent += stream_block;
  } while (Atomics::load_relaxed(shared.end.stop) == 0);
  Atomics::fetch_add(shared.sent_by_all, sent);
  if (Atomics::fetch_add(shared.ended, std::uint64_t{1}) + 1 == producers) {
    Atomics::store_release(shared.end.sent, Atomics::load_acquire(shared.sent_by_all));
  }
}

template <class Multi>
Sample measure(const Slice& slice, const std::vector<int>& cores, unsigned producers) {
  SharedMemory memory(sizeof(Shared<Multi>));
  auto& shared = memory.as<Shared<Multi>>();
  shared.multi.prepare();
  auto&& reader = shared.multi.reader();
  std::vector<std::unique_ptr<PeerProcess>> others;
  for (unsigned id = 1; id < producers; ++id) {
    others.push_back(std::make_unique<PeerProcess>(cores[id + 1], [&, id] { produce(shared, id, producers); }));
  }
  OtherSide source(Beside::process, cores[1], [&] { produce(shared, 0, producers); });
  pin_to(cores[0]);
  Numbers numbers;
  Sample sample = time_stream(slice, shared.end, source, numbers, [&] { return take(reader, numbers); });
  for (const auto& other : others) {
    other->join();
  }
  return sample;
}

template <class Multi>
Sample count(unsigned producers) {
  constexpr unsigned rounds = 32;
  SharedMemory memory(sizeof(Shared<Multi>));
  auto& multi = memory.as<Shared<Multi>>().multi;
  multi.prepare();
  auto&& reader = multi.reader();
  using Producer = decltype(multi.producer(0));
  std::vector<Producer> all;
  std::array<Element, producers_max> next{};
  for (unsigned id = 0; id < producers; ++id) {
    all.push_back(multi.producer(id));
    next[id] = static_cast<Element>(id) << producer_shift;
  }
  Numbers numbers;
  const auto play = [&] {
    for (unsigned round = 0; round < rounds; ++round) {
      for (unsigned id = 0; id < producers; ++id) {
        Multi::push(all[id], next[id]++);
      }
      static_cast<void>(take(reader, numbers));
    }
  };
  play();
  Sample sample;
  sample.facts["instructions_per_message"] =
      static_cast<double>(count_instructions(play)) / static_cast<double>(rounds * producers);
  numbers.expect_intact();
  return sample;
}

template <class Multi>
void add_rows(Experiment& experiment, const Options& options, unsigned producers) {
  const Parameters parameters{{"bytes", std::to_string(sizeof(Element))}, {"producers", std::to_string(producers)}};
  std::vector<int> cores = usable_cores();
  if (cores.size() < producers + 1) {
    experiment.add(missing_row(Multi::name, parameters,
                               fmt::format("needs {} cores, this process may use {}", producers + 1, cores.size())));
  } else {
    std::erase(cores, options.client_core);
    std::erase(cores, options.server_core);
    cores.insert(cores.begin(), {options.client_core, options.server_core});
    experiment.add({.name = Multi::name, .parameters = parameters, .measure = [=](const Slice& slice) {
                      return measure<Multi>(slice, cores, producers);
                    }});
  }
  experiment.add(
      counted_row(fmt::format("{}_counted", Multi::name), parameters, [producers] { return count<Multi>(producers); }));
}

} // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv, 2);
  Experiment experiment("ring_3p1c", options, floor_bounce());
  for (const unsigned producers : {1U, producers_max}) {
    add_rows<Ours>(experiment, options, producers);
    add_rows<Baseline>(experiment, options, producers);
    experiment.add_ratio("ours", "baseline_multi", RatioKind::rate, fmt::format("@producers={}", producers));
  }
  return experiment.run();
}
