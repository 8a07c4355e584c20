#pragma once

// The kinds of channels, as the layer below makes them: one publisher or many, readers that lose nothing or may be
// lapped. Publishers and subscribers are templates over a kind, so that each pays for its own kind only.

#include "ringfleet/base/error.hpp"
#include "ringfleet/frame/frame_reader.hpp"
#include "ringfleet/frame/lossy_frame_reader.hpp"
#include "ringfleet/os/process.hpp"
#include "ringfleet/ring/lossy_reader.hpp"
#include "ringfleet/ring/member_layout.hpp"
#include "ringfleet/ring/process_judge.hpp"
#include "ringfleet/ring/producer.hpp"
#include "ringfleet/ring/reader.hpp"
#include "ringfleet/ring/ring_space.hpp"
#include "ringfleet/ring/shared_producer.hpp"
#include "ringfleet/ring/shared_reader.hpp"

#include <cstdint>
#include <optional>

namespace ringfleet::channel {

// One publisher at a time, and readers that gate.
struct OneProducer {
  static constexpr auto producers = ring::Producers::one;
  using Producer = ring::Producer<frame::FrameBlock>;
  using RingReader = ring::Reader<frame::FrameBlock>;

  [[nodiscard]] static auto memory(const ring::RingSpace& space) { return space.memory<frame::FrameBlock>(); }
  [[nodiscard]] static Producer join(const ring::RingSpace& space, const ring::BarrierOptions& options) {
    return Producer(memory(space), options);
  }
  [[nodiscard]] static std::uint64_t published(const ring::RingSpace& space) {
    return space.lines().producer->cursor.observe();
  }
  // Everything below it can be read.
  [[nodiscard]] static std::uint64_t finished(const ring::RingSpace& space) { return published(space); }
};

// Several publishers, in any processes, one order for all readers.
struct ManyProducers {
  static constexpr auto producers = ring::Producers::many;
  using Producer = ring::SharedProducer<frame::FrameBlock>;
  using RingReader = ring::SharedReader<frame::FrameBlock>;

  [[nodiscard]] static auto memory(const ring::RingSpace& space) { return space.shared_memory<frame::FrameBlock>(); }
  [[nodiscard]] static Producer join(const ring::RingSpace& space, const ring::BarrierOptions& options) {
    auto producer =
        Producer::join(memory(space), ring::owner_identity(os::own_identity()), ring::is_surely_dead_producer, options);
    if (!producer) {
      throw Error(ErrorCode::limit_reached, "publish on " + space.place().text() + ": it has no room for another",
                  "end one of its publishers first");
    }
    return std::move(*producer);
  }
  [[nodiscard]] static std::uint64_t published(const ring::RingSpace& space) {
    return ring::latest_claim(space.shared_lines()).end();
  }
  [[nodiscard]] static std::uint64_t finished(const ring::RingSpace& space) {
    return ring::first_unfinished(space.shared_lines());
  }
};

// How a subscriber reads.
template <class Kind>
struct ReliableReading : Kind {
  static constexpr auto role = ring::MemberRole::reliable;
  using FrameReader = frame::FrameReader<typename Kind::RingReader>;
};
using Reliable = ReliableReading<OneProducer>;
using ReliableOfMany = ReliableReading<ManyProducers>;

template <class Kind, class Reader>
struct LossyReading : Kind {
  static constexpr auto role = ring::MemberRole::lossy;
  using RingReader = Reader;
  using FrameReader = frame::LossyFrameReader<RingReader>;
};
using Lossy = LossyReading<OneProducer, ring::LossyReader<frame::FrameBlock>>;
using LossyOfMany = LossyReading<ManyProducers, ring::SharedLossyReader<frame::FrameBlock>>;

} // namespace ringfleet::channel
