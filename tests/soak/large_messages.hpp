#pragma once

// The ends of a channel whose messages are of all lengths: in one block, in many, in fragments, lent from the arena. An
// element stands at the beginning; the rest follows from it, so that the reader can tell whether all of it came whole.

#include "reading.hpp"
#include "ringfleet/channel/frame_publisher.hpp"
#include "ringfleet/channel/frame_subscriber.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ringfleet::soak {

// Bytes of the whole message, and whether it is lent.
struct Size {
  std::uint64_t bytes;
  bool is_lent;
};
[[nodiscard]] Size size_of(const Element& element) noexcept;

void fill(std::span<std::byte> message, const Element& element) noexcept;
// Empty: it is torn.
[[nodiscard]] std::optional<Element> element_of(std::span<const std::byte> message) noexcept;

// `Frames`: FramePublisher or SharedFramePublisher.
template <class Frames>
class LargePublisher {
public:
  LargePublisher(const memory::Place& place, const channel::PublisherOptions& options);
  [[nodiscard]] channel::PublishResult publish(const Element& element, MonotonicNs deadline);
  void check_readers() { frames_.check_readers(); }

private:
  Frames frames_;
  std::vector<std::byte> buffer_;
};

extern template class LargePublisher<channel::FramePublisher>;
extern template class LargePublisher<channel::SharedFramePublisher>;

// `Frames`: any kind of frame subscriber.
template <class Frames>
class LargeSubscriber {
public:
  LargeSubscriber(const memory::Place& place, const channel::SubscriberOptions& options) : frames_(place, options) {}

  // handler(const Element&, const frame::View&); of a message that is torn the element is none that can be.
  template <class Handler>
  frame::PollResult poll(Handler&& handler, std::uint64_t max) {
    return frames_.poll([&](const frame::View& view) { handler(element_of(view.bytes).value_or(Element{}), view); },
                        max);
  }
  [[nodiscard]] channel::WaitResult wait(MonotonicNs deadline) { return frames_.wait(deadline); }
  [[nodiscard]] channel::WaitResult wait_for_publisher(MonotonicNs deadline) {
    return frames_.wait_for_publisher(deadline);
  }
  [[nodiscard]] std::uint64_t position() const noexcept { return frames_.position(); }
  [[nodiscard]] bool is_resumed() const noexcept { return frames_.is_resumed(); }
  [[nodiscard]] std::uint64_t missed() const noexcept { return frames_.missed(); }
  void leave() noexcept { frames_.leave(); }
  [[nodiscard]] Frames& frames() noexcept { return frames_; }

private:
  Frames frames_;
};

} // namespace ringfleet::soak
