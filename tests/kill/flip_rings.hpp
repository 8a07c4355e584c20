#pragma once

// Rings of both kinds whose member table is attacked: a hostile reader on the first line, an honest one on the second.
// What the producers write lies apart, and all of it between pages that nobody may touch.

#include "flip.hpp"
#include "flip_atomics.hpp"
#include "ringfleet/ring/ring.hpp"
#include "ringfleet/ring/shared_producer.hpp"
#include "ringfleet/ring/shared_reader.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ringfleet::kill {

inline constexpr std::uint64_t flip_slots = 8;
inline constexpr std::uint64_t flip_first = (std::uint64_t{1} << 32) - 5;
inline constexpr std::size_t hostile_line = 0;
inline constexpr std::size_t honest_line = 1;

struct FlipTable {
  ring::Sequence joins;
  std::array<ring::ReaderLines, 2> readers;
};

class AttackedTable {
public:
  [[nodiscard]] FlipTable& operator*() const { return memory_.at<FlipTable>(); }
  [[nodiscard]] FlipTable* operator->() const { return &**this; }
  // All that a reader writes.
  [[nodiscard]] std::vector<Field> fields_of_hostile() const {
    auto& line = memory_.at<FlipTable>().readers[hostile_line];
    return {line.gate.value, line.awaited_cursor, line.incarnation, line.follows[0],
            line.follows[1], line.bell,           line.began,       memory_.at<FlipTable>().joins.value};
  }

private:
  Guarded memory_{sizeof(FlipTable)};
};

template <class Unit>
class OneProducerRing {
public:
  using Producer = ring::Producer<Unit, ParkingAtomics>;
  using Reader = ring::Reader<Unit, ParkingAtomics>;
  OneProducerRing() { ring::format_ring(memory(), flip_first); }
  [[nodiscard]] ring::RingMemory<Unit> memory() {
    return {lines_.at<ring::ProducerLines>(), evicted_, table->joins, table->readers,
            std::span(&units.at<Unit>(), flip_slots)};
  }
  [[nodiscard]] Producer producer(const ring::BarrierOptions& options) { return Producer(memory(), options); }
  static void publish(Producer& producer, std::uint64_t position) { producer.publish(position + 1); }
  // What the producer writes.
  [[nodiscard]] std::vector<Field> fields_of_producers() {
    auto& lines = lines_.at<ring::ProducerLines>();
    return {lines.cursor.value, lines.limit.value, lines.closed, lines.awaited_gate, lines.bell, evicted_[honest_line]};
  }

  AttackedTable table;
  Guarded units{flip_slots * sizeof(Unit)};

private:
  Guarded lines_{sizeof(ring::ProducerLines)};
  std::array<std::uint64_t, 2> evicted_{};
};

template <class Unit>
class ManyProducersRing {
public:
  using Producer = ring::SharedProducer<Unit, ParkingAtomics>;
  using Reader = ring::SharedReader<Unit, ParkingAtomics>;
  ManyProducersRing() { ring::format_ring(memory(), flip_first); }
  [[nodiscard]] ring::SharedRingMemory<Unit> memory() {
    return {lines_.at<ring::SharedLines>(),
            owners_.at<ring::OwnerTable>(),
            std::span(&descriptors_.at<std::uint64_t>(), flip_slots),
            evicted_,
            table->joins,
            table->readers,
            std::span(&units.at<Unit>(), flip_slots)};
  }
  [[nodiscard]] Producer producer(const ring::BarrierOptions& options) {
    return *Producer::join(memory(), ++identities_, [](std::uint64_t) { return false; }, options);
  }
  static void publish(Producer& producer, std::uint64_t position) { producer.publish(position, 1); }
  // What the producers write.
  [[nodiscard]] std::vector<Field> fields_of_producers() {
    auto& lines = lines_.at<ring::SharedLines>();
    auto& owners = owners_.at<ring::OwnerTable>();
    std::vector<Field> fields{
        lines.tail,         lines.granted,          lines.limit,          lines.finished,           lines.closed,
        lines.owners_used,  lines.owner_joins,      lines.bell,           lines.awaited_descriptor, owners.identity[1],
        owners.identity[2], owners.awaited_gate[1], evicted_[honest_line]};
    for (auto& descriptor : memory().descriptors) {
      fields.emplace_back(descriptor);
    }
    return fields;
  }

  AttackedTable table;
  Guarded units{flip_slots * sizeof(Unit)};

private:
  Guarded lines_{sizeof(ring::SharedLines)};
  Guarded owners_{sizeof(ring::OwnerTable)};
  Guarded descriptors_{flip_slots * sizeof(std::uint64_t)};
  std::array<std::uint64_t, 2> evicted_{};
  std::uint64_t identities_ = 0;
};

} // namespace ringfleet::kill
