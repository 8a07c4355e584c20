#pragma once

// A ring in anonymous memory that a child forked later shares, and the words by which a stream through it ends.

#include "harness/process.hpp"
#include "stream/stream.hpp"

#include "ringfleet/base/bits.hpp"
#include "ringfleet/base/cache_line.hpp"
#include "ringfleet/ring/ring_memory.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ringfleet::bench {

// Of the slots of every ring and queue that streams of small messages are measured on: they fit the second cache of one
// core.
inline constexpr std::size_t stream_ring_bytes = 256UL << 10;

template <class T>
class RingInMemory {
public:
  // `slots` is a power of two, `readers` at most readers_max.
  RingInMemory(std::size_t slots, std::size_t readers)
      : memory_(sizeof(Head) + round_up(slots * sizeof(T), page_bytes)),
        slots_(reinterpret_cast<T*>(&head() + 1), slots), readers_(readers) {
    ring::format_ring(memory());
  }

  [[nodiscard]] ring::RingMemory<T> memory() noexcept {
    return {head().producer, std::span(head().evicted).first(readers_), head().joins,
            std::span(head().readers).first(readers_), slots_};
  }
  [[nodiscard]] StreamEnd& end() noexcept { return head().end; }

  static constexpr std::size_t readers_max = 16;

private:
  // What each side writes on pages of its own, as in the segments of a real ring.
  struct Head {
    StreamEnd end;
    alignas(page_bytes) ring::ProducerLines producer;
    std::array<std::uint64_t, readers_max> evicted;
    alignas(page_bytes) ring::Sequence joins;
    std::array<ring::ReaderLines, readers_max> readers;
  };
  [[nodiscard]] Head& head() noexcept { return memory_.template as<Head>(); }

  SharedMemory memory_;
  std::span<T> slots_;
  std::size_t readers_;
};

} // namespace ringfleet::bench
