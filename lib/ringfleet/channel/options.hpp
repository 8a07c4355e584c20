#pragma once

// What a channel is to be like. Every default is the safe choice: back-pressure, reliable readers, parked waits.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/channel/latency.hpp"
#include "ringfleet/channel/required_readers.hpp"
#include "ringfleet/memory/segment.hpp"
#include "ringfleet/ring/barrier.hpp"
#include "ringfleet/ring/ring_spec.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace ringfleet::channel {

// What a publisher does about readers before its first message.
struct Coordination {
  enum class Mode : std::uint8_t {
    immediate,           // publish whether or not somebody reads
    wait_for_readers,    // the constructor blocks until `readers` have joined; Error(timed_out) otherwise
    buffer_until_readers // keep everything until `readers` have joined, at most `messages_max` messages
  };
  Mode mode = Mode::immediate;
  std::uint32_t readers = 1;
  Nanoseconds timeout = std::chrono::seconds(5);
  std::uint64_t messages_max = ~std::uint64_t{0}; // and never more than the ring holds

  [[nodiscard]] static Coordination wait_for_readers(std::uint32_t readers,
                                                     Nanoseconds timeout = std::chrono::seconds(5)) {
    return {Mode::wait_for_readers, readers, timeout, 0};
  }
  [[nodiscard]] static Coordination buffer_until_readers(std::uint32_t readers,
                                                         std::uint64_t messages_max = ~std::uint64_t{0}) {
    return {Mode::buffer_until_readers, readers, {}, messages_max};
  }
};

struct PublisherOptions {
  std::uint64_t ring_bytes = 1ULL << 20; // rounded up to a power of two; a message above a quarter goes in fragments
  std::uint64_t arena_bytes = 0;         // for loans; 0: none. With several publishers: of each that lends
  std::uint32_t lenders = 4; // with several publishers: how many lend at the same time, at most limits::ring_arenas_max
  std::uint64_t max_message = limits::message_bytes_max_default;
  std::uint32_t members = 64; // lines for readers, at most limits::ring_members_max
  ring::Waiting waiting = ring::Waiting::park;
  bool lossy_allowed = true;
  ring::Existing existing = ring::Existing::continue_it; // what to do with a channel that nobody owns
  memory::SegmentOptions segment = {};
  Coordination coordination = {};
  RequiredOptions required = {};
  Nanoseconds grace = limits::member_grace; // how long the place of a dead reader is kept for its id
  bool counters = true;                     // a counter file for ringfleet-stat
  std::uint16_t kind = 0;                   // of every message of a Publisher<T>; readers see it in the view
  std::uint64_t fingerprint = 0;            // of the schema; Publisher<T> sets it
};

enum class From : std::uint8_t {
  latest,  // what is published after joining
  oldest,  // everything that is still there
  sequence // from a position on, e.g. one that was noted before a restart
};

struct SubscriberOptions {
  std::string id = {}; // stable: after a restart the same id goes on where it was
  From from = From::latest;
  std::uint64_t position = 0; // with From::sequence
  // Ids of reliable readers of this channel: this one sees a message when they have released it (a pipeline; a diamond
  // where there are several). One that has left or died holds nothing back, and is followed again when it is back under
  // its id in its kept place. A reliable subscriber only; not in a circle.
  std::vector<std::string> follows = {};
  // How long somebody may take to publish, and those in `follows` to join; 0: what is there is read.
  Nanoseconds wait_for_publisher = Nanoseconds(0);
  std::uint64_t max_message = limits::message_bytes_max_default; // address space is reserved for it: docs/transport.md
  std::uint32_t held_views = limits::held_views_default;         // at least 1
  Nanoseconds keep_place = std::chrono::minutes(1); // for how long, after an orderly end, an id keeps its position
  memory::Trust trust = {};
  os::MappingOptions mapping = {};
  bool counters = true;
  bool paced = true; // with one publisher: see ring::JoinOptions
  // Nobody else uses the space that this subscriber is given: under AddressSanitizer a view that is used after its
  // release is an error. A subscriber that maps its channel itself, by name or place, need not be told.
  bool sole_user = false;
  std::uint64_t fingerprint = 0; // of the schema; Subscriber<T> sets it
  // Called inside poll() with the bytes of a message that did not decode. It is counted and skipped either way.
  std::function<void(std::span<const std::byte>)> on_undecodable = {};
  // When a message was sent, from its bytes: asks for a histogram of how old messages are when their handler gets them
  // (Frames::latency(); `latency.*` in the counter file). Called inside poll() and take(), before the handler.
  SentAt sent_at = {};
};

} // namespace ringfleet::channel
