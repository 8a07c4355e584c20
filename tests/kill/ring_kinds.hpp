#pragma once

// The two kinds of ring behind one set of functions, for tests that do the same to both: one producer, many of them.

#include "message.hpp"
#include "ringfleet/ring/process_judge.hpp"
#include "ringfleet/ring/ring.hpp"
#include "ringfleet/ring/ring_space.hpp"
#include "ringfleet/ring/shared_owners.hpp"
#include "ringfleet/ring/shared_producer.hpp"
#include "ringfleet/ring/shared_reader.hpp"

#include <cstdint>
#include <vector>

namespace ringfleet::kill {

inline constexpr std::uint64_t file_ring_slots = 8;
inline constexpr std::uint64_t fingerprint = 0x51;
inline constexpr ring::BarrierOptions between_processes{.waiting = ring::Waiting::spin, .shared = true};

struct One {
  using Producer = ring::Producer<Message>;
  using Reader = ring::Reader<Message>;
  static constexpr auto producers = ring::Producers::one;
  static auto memory(const ring::RingSpace& space) { return space.memory<Message>(); }
  static Producer producer(const ring::RingSpace& space) { return Producer(memory(space), between_processes); }
  static void publish(Producer& producer, std::uint64_t position) { producer.publish(position + 1); }
  static void recover(const ring::RingSpace&) {}
};
struct Many {
  using Producer = ring::SharedProducer<Message>;
  using Reader = ring::SharedReader<Message>;
  static constexpr auto producers = ring::Producers::many;
  static auto memory(const ring::RingSpace& space) { return space.shared_memory<Message>(); }
  static Producer producer(const ring::RingSpace& space) {
    return *Producer::join(memory(space), ring::owner_identity(os::own_identity()), ring::is_surely_dead_producer,
                           between_processes);
  }
  static void publish(Producer& producer, std::uint64_t position) { producer.publish(position, 1); }
  static void recover(const ring::RingSpace& space) {
    (void)ring::repair_dead(space.shared_lines(), ring::is_surely_dead_producer);
  }
};

template <class Kind>
bool push(typename Kind::Producer& producer) {
  std::uint64_t position = 0;
  if (producer.try_claim(1, position) != ring::ClaimResult::claimed) {
    return false;
  }
  producer.slot(position) = Message::of(position);
  Kind::publish(producer, position);
  return true;
}
// Where the messages lay; ~0 for one that is not what was published there.
template <class Kind>
std::vector<std::uint64_t> read_all(typename Kind::Reader& reader) {
  std::vector<std::uint64_t> positions;
  for (int polls = 0; polls < 4; ++polls) {
    (void)reader.available();
    auto expected = reader.position();
    (void)reader.poll([&](const Message& message) {
      positions.push_back(message == Message::of(expected) ? expected : ~std::uint64_t{0});
      ++expected;
    });
  }
  return positions;
}

} // namespace ringfleet::kill
