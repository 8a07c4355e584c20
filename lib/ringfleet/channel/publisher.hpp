#pragma once

// Layers 2 and 3 by name: messages of one type.
//
//   ringfleet::Publisher<Tick> out("ticks");
//   out.publish({42, 99.5});                          // encoded in place in the ring
//   out.emplace([](Tick& tick) { tick.id = 43; });    // built in place; nothing is copied at all
//
// SharedPublisher<T> is the same where several processes or threads publish, each with an object of its own; its
// readers are SharedSubscriber<T>.
//
// What a T is on the wire is said by codec::Codec<T>; include codec/raw.hpp, codec/cereal.hpp or codec/flatbuffers.hpp,
// or specialise it. Both sides compare the codec's fingerprint when a subscriber attaches. See frame_publisher.hpp for
// who may call, waiting, and what happens when somebody dies: all of it holds here.

#include "ringfleet/channel/frame_publisher.hpp"
#include "ringfleet/codec/codec.hpp"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace ringfleet::channel {

template <codec::Message T, class Frames>
class BasicPublisher {
public:
  explicit BasicPublisher(std::string_view name, const PublisherOptions& options = {})
      : BasicPublisher(memory::Place::shm(name), options) {}
  explicit BasicPublisher(const memory::Place& place, const PublisherOptions& options = {})
      : frames_(place, with_fingerprint(options)), kind_(options.kind) {}

  // Waits for room; see FramePublisher::publish. A T, or what its codec takes for one. No allocation unless the message
  // is larger than a quarter of the ring.
  PublishResult publish(const T& value, MonotonicNs deadline = never)
    requires codec::Encodable<T, T>
  {
    return encode(value, deadline);
  }
  template <class V>
    requires(!std::same_as<V, T> && codec::Encodable<T, V>)
  PublishResult publish(const V& value, MonotonicNs deadline = never) {
    return encode(value, deadline);
  }
  // Never waits.
  PublishResult try_publish(const T& value)
    requires codec::Encodable<T, T>
  {
    return encode(value, 0);
  }
  template <class V>
    requires(!std::same_as<V, T> && codec::Encodable<T, V>)
  PublishResult try_publish(const V& value) {
    return encode(value, 0);
  }

  // fill(T&) on the object in the ring; what it does not set is what lay there, unless T initialises itself. When it
  // throws, nothing is published.
  template <class Fill>
    requires codec::Emplaceable<T> && std::invocable<Fill, T&>
  PublishResult emplace(Fill&& fill, MonotonicNs deadline = never) {
    auto why = PublishResult::full;
    auto claim = frames_.claim(sizeof(T), deadline, &why);
    if (!claim) {
      return why;
    }
    T* const value = codec::Codec<T>::emplace(claim.bytes());
    if (value == nullptr) {
      return refuse_value();
    }
    std::forward<Fill>(fill)(*value);
    frames_.counters().in_place.add();
    return frames_.commit(claim, claim.bytes(), kind_);
  }
  // encode(span) → the part of the arena's span that is the message: for what is large. `bytes` is what it may use.
  template <class Encode>
    requires std::is_invocable_r_v<codec::Encoded, Encode, std::span<std::byte>>
  PublishResult publish_loan(std::uint64_t bytes, Encode&& encode, MonotonicNs deadline = never) {
    auto why = PublishResult::full;
    auto loan = frames_.loan(bytes, deadline, &why);
    if (!loan) {
      return why;
    }
    const codec::Encoded part = std::forward<Encode>(encode)(loan.bytes());
    return part ? frames_.commit(loan, *part, deadline, kind_) : refuse_value();
  }

  [[nodiscard]] bool wait_for_readers(std::uint32_t readers, MonotonicNs deadline) {
    return frames_.wait_for_readers(readers, deadline);
  }
  void check_readers() { frames_.check_readers(); }
  [[nodiscard]] std::uint32_t readers() const { return frames_.readers(); }
  void stop() noexcept { frames_.stop(); }
  void resume() noexcept { frames_.resume(); }

  // The same channel as frames of bytes.
  [[nodiscard]] Frames& frames() noexcept { return frames_; }

private:
  [[nodiscard]] static PublisherOptions with_fingerprint(PublisherOptions options) {
    options.fingerprint = codec::fingerprint_of<T>();
    return options;
  }
  PublishResult refuse_value() noexcept {
    frames_.counters().not_encodable.add();
    return PublishResult::not_encodable;
  }
  // In the ring while it fits one record, else beside it. The bound of some codecs is a guess: twice as much until it
  // fits.
  template <class V>
  PublishResult encode(const V& value, MonotonicNs deadline) {
    auto bytes = static_cast<std::uint64_t>(codec::Codec<T>::bound(value));
    const auto max_claim = frames_.frames().max_claim();
    for (; bytes <= max_claim; bytes = bytes < max_claim ? std::min(2 * bytes + 64, max_claim) : max_claim + 1) {
      auto why = PublishResult::full;
      auto claim = frames_.claim(bytes, deadline, &why);
      if (!claim) [[unlikely]] {
        return why;
      }
      if (const codec::Encoded part = codec::Codec<T>::encode(value, claim.bytes())) [[likely]] {
        return frames_.commit(claim, *part, kind_);
      }
    }
    return encode_beside(value, bytes, deadline);
  }
  template <class V>
  PublishResult encode_beside(const V& value, std::uint64_t bytes, MonotonicNs deadline) {
    for (; bytes <= frames_.max_message(); bytes *= 2) {
      std::vector<std::byte> beside(bytes);
      if (const codec::Encoded part = codec::Codec<T>::encode(value, beside)) {
        return frames_.publish(*part, deadline, kind_);
      }
    }
    return codec::Codec<T>::bound(value) > frames_.max_message() ? PublishResult::too_large : refuse_value();
  }

  Frames frames_;
  std::uint16_t kind_;
};

template <codec::Message T>
using Publisher = BasicPublisher<T, FramePublisher>;
template <codec::Message T>
using SharedPublisher = BasicPublisher<T, SharedFramePublisher>;

} // namespace ringfleet::channel

namespace ringfleet {
using channel::Publisher;
using channel::SharedPublisher;
} // namespace ringfleet
