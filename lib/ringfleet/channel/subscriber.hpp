#pragma once

// Layers 2 and 3 by name, the reading side: messages of one type.
//
//   ringfleet::Subscriber<Tick> in("ticks");
//   while (in.wait() == ringfleet::channel::WaitResult::ready) {
//     in.poll([](const Tick& tick) { … });            // in place in the ring, or in the arena
//   }
//
// Where the format allows, the handler sees the message where it lies, verified first; otherwise it is decoded into an
// object that is used again. A message that is none is skipped, counted and reported to on_undecodable; it never throws
// out of poll(). See frame_subscriber.hpp for who may call, waiting, and what happens when the publisher dies.

#include "ringfleet/channel/frame_subscriber.hpp"
#include "ringfleet/codec/codec.hpp"

#include <concepts>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>

namespace ringfleet::channel {

namespace detail {

// An object to decode into, where the codec decodes.
template <class T>
struct DecodeBuffer {};
template <class T>
  requires codec::Decodable<T>
struct DecodeBuffer<T> {
  typename codec::Codec<T>::Value value{};
};

template <class Handler, class Message>
concept Handles =
    std::invocable<Handler&, const Message&> || std::invocable<Handler&, const Message&, const frame::View&>;

template <class Handler, class Message>
void hand_over(Handler& handler, const Message& message, const frame::View& view) {
  if constexpr (std::invocable<Handler&, const Message&, const frame::View&>) {
    handler(message, view);
  } else {
    handler(message);
  }
}

enum class Handled : std::uint8_t { not_at_all, in_place, decoded };

// handler(message) if there is a message of T in the bytes.
template <codec::Message T, class Handler>
[[nodiscard]] Handled handle_decoded(const frame::View& view, DecodeBuffer<T>& buffer, Handler& handler) {
  if constexpr (codec::Viewable<T> && Handles<Handler, T>) {
    if (const T* const message = codec::Codec<T>::view(view.bytes)) [[likely]] {
      hand_over(handler, *message, view);
      return Handled::in_place;
    }
  }
  if constexpr (codec::Decodable<T>) {
    if constexpr (Handles<Handler, typename codec::Codec<T>::Value>) {
      if (codec::Codec<T>::decode(view.bytes, buffer.value)) {
        hand_over(handler, std::as_const(buffer.value), view);
        return Handled::decoded;
      }
    }
  }
  return Handled::not_at_all;
}

} // namespace detail

template <codec::Message T, class Frames>
class BasicSubscriber {
public:
  explicit BasicSubscriber(std::string_view name, const SubscriberOptions& options = {})
      : BasicSubscriber(memory::Place::shm(name), options) {}
  explicit BasicSubscriber(const memory::Place& place, const SubscriberOptions& options = {})
      : frames_(place, with_fingerprint(options)), on_undecodable_(options.on_undecodable) {}
  explicit BasicSubscriber(ring::RingSpace space, const SubscriberOptions& options = {})
      : frames_(std::move(space), with_fingerprint(options)), on_undecodable_(options.on_undecodable) {}

  // handler(const T&), or handler(const T&, const frame::View&) with the kind and id of the message, for up to `max`
  // messages that are there; they are released afterwards. Never waits. A handler
  // that throws ends the poll; its message counts as read.
  template <class Handler>
  frame::PollResult poll(Handler&& handler, std::uint64_t max = std::numeric_limits<std::uint64_t>::max()) {
    return frames_.poll(
        [&](const frame::View& view) {
          switch (detail::handle_decoded<T>(view, buffer_, handler)) {
          case detail::Handled::in_place: break;
          case detail::Handled::decoded: frames_.counters().decoded.add(); break;
          case detail::Handled::not_at_all:
            frames_.counters().undecodable.add();
            if (on_undecodable_) {
              on_undecodable_(view.bytes);
            }
          }
        },
        max);
  }
  [[nodiscard]] WaitResult wait(MonotonicNs deadline = never) { return frames_.wait(deadline); }
  [[nodiscard]] WaitResult wait_for_publisher(MonotonicNs deadline = never) {
    return frames_.wait_for_publisher(deadline);
  }
  // wait() and poll() until one of them ends; says why.
  template <class Handler>
  WaitResult run(Handler&& handler) {
    for (;;) {
      const auto waited = wait();
      if (waited != WaitResult::ready) {
        return waited;
      }
      if (poll(handler).ended == frame::ReadResult::evicted) {
        return WaitResult::evicted;
      }
    }
  }

  void stop() noexcept { frames_.stop(); }
  void resume() noexcept { frames_.resume(); }
  void leave() noexcept { frames_.leave(); }
  [[nodiscard]] std::uint64_t position() const noexcept { return frames_.position(); }
  [[nodiscard]] bool is_resumed() const noexcept { return frames_.is_resumed(); }
  [[nodiscard]] std::uint64_t missed() const noexcept { return frames_.missed(); }
  [[nodiscard]] std::uint64_t undecodable() noexcept { return frames_.counters().undecodable.value(); }

  // The same channel as frames of bytes.
  [[nodiscard]] Frames& frames() noexcept { return frames_; }

private:
  [[nodiscard]] static SubscriberOptions with_fingerprint(SubscriberOptions options) {
    options.fingerprint = codec::fingerprint_of<T>();
    return options;
  }

  Frames frames_;
  detail::DecodeBuffer<T> buffer_;
  std::function<void(std::span<const std::byte>)> on_undecodable_;
};

template <codec::Message T>
using Subscriber = BasicSubscriber<T, FrameSubscriber>;
template <codec::Message T>
using SharedSubscriber = BasicSubscriber<T, SharedFrameSubscriber>; // of SharedPublisher<T>
template <codec::Message T>
using LossySubscriber = BasicSubscriber<T, LossyFrameSubscriber>; // never holds the publisher back; may be lapped
template <codec::Message T>
using SharedLossySubscriber = BasicSubscriber<T, SharedLossyFrameSubscriber>; // likewise, of SharedPublisher<T>

} // namespace ringfleet::channel

namespace ringfleet {
using channel::LossySubscriber;
using channel::SharedLossySubscriber;
using channel::SharedSubscriber;
using channel::Subscriber;
} // namespace ringfleet
