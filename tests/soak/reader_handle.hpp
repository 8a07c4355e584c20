#pragma once

// A subscriber of a soak and what it has read so far, as one: joins where the one who played this part before was, and
// shows every message to the ledger.

#include "large_messages.hpp"
#include "reading.hpp"
#include "roles.hpp"

#include "ringfleet/channel/subscriber.hpp"
#include "ringfleet/codec/raw.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <type_traits>

#include <poll.h>

namespace ringfleet::soak {

inline MonotonicNs in_a_moment() {
  return deadline_after(monotonic_now(), std::chrono::milliseconds(20));
}

// play(std::type_identity<S>): S is what reads the channels of this plan.
template <class Play>
auto as_reader_of(const ChannelPlan& plan, Play&& play) {
  return plan.is_large && plan.many_producers
             ? play(std::type_identity<LargeSubscriber<channel::SharedFrameSubscriber>>{})
         : plan.is_large       ? play(std::type_identity<LargeSubscriber<channel::FrameSubscriber>>{})
         : plan.many_producers ? play(std::type_identity<SharedSubscriber<Element>>{})
                               : play(std::type_identity<Subscriber<Element>>{});
}
// Before the subscriber is made: 2 when the one before died in the same place.
inline Readings& begin_to_join(Readings& mine) noexcept {
  mine.joining = mine.joining == 0 ? 1 : 2;
  return mine;
}

template <class Play>
auto as_lossy_reader_of(const ChannelPlan& plan, Play&& play) {
  return plan.is_large && plan.many_producers
             ? play(std::type_identity<LargeSubscriber<channel::SharedLossyFrameSubscriber>>{})
         : plan.is_large       ? play(std::type_identity<LargeSubscriber<channel::LossyFrameSubscriber>>{})
         : plan.many_producers ? play(std::type_identity<SharedLossySubscriber<Element>>{})
                               : play(std::type_identity<LossySubscriber<Element>>{});
}

// Up to `max` messages. Now and then it takes `pause_ms` with one, so that readers are killed with something in hand,
// and lossy ones are lapped.
template <class Subscriber>
frame::PollResult read_some(Subscriber& in, Reading& reading, std::uint64_t max, int pause_ms = 1) {
  const auto polled = in.poll(
      [&](const Element& element, const frame::View& view) {
        reading.missed(in.missed());
        reading.take(element, view.id);
        if (element.number % 512 == 0) {
          ::poll(nullptr, 0, pause_ms);
        }
      },
      max);
  reading.missed(in.missed());
  reading.came_to(in.position());
  return polled;
}

// Until there may be something, for a moment at most. False: it was told what it must not be told.
template <class Subscriber>
bool wait_for_more(Subscriber& in, Ledger& ledger) {
  using channel::WaitResult;
  note_heap(ledger);
  auto waited = in.wait(in_a_moment());
  if (waited == WaitResult::detached) {
    waited = in.wait_for_publisher(in_a_moment());
  }
  if (waited == WaitResult::ready || waited == WaitResult::timed_out) {
    return true;
  }
  complain(ledger, std::string("a reader's wait answers ") + to_string(waited));
  return false;
}

// Until `wanted` messages have come, or the order to end. False: as above.
template <class Subscriber>
bool read_on(Subscriber& in, Reading& reading, Ledger& ledger, std::uint64_t wanted, int pause_ms = 1) {
  std::uint64_t read = 0;
  while (read < wanted && Ledger::of(ledger.order.load()) != Order::end) {
    const auto polled = read_some(in, reading, std::min(batch, wanted - read), pause_ms);
    read += polled.messages;
    if (polled.messages == 0 && !wait_for_more(in, ledger)) {
      return false;
    }
  }
  return true;
}

// One that gets everything, under an id of its own; when it is killed the next one goes on.
template <class Subscriber>
class ReliableReader {
public:
  ReliableReader(const Part& part, Ledger& ledger, std::uint64_t channel, std::uint64_t number)
      : who_("reader " + std::to_string(number) + " of channel " + std::to_string(channel)),
        mine_(begin_to_join(ledger.channels[channel].readers[number])),
        in_(place_of(channel, part.directory, part.word), options(part.role + std::to_string(number))),
        reading_(ledger, ledger.channels[channel], mine_, who_, beginning(channel)) {
    mine_.ready = 1;
  }

  [[nodiscard]] Subscriber& in() noexcept { return in_; }
  [[nodiscard]] Reading& reading() noexcept { return reading_; }

private:
  [[nodiscard]] bool was_here() const { return mine_.position != 0; }
  [[nodiscard]] channel::SubscriberOptions options(const std::string& id) const {
    channel::SubscriberOptions options;
    options.id = id;
    options.wait_for_publisher = std::chrono::seconds(60);
    options.from = was_here() ? channel::From::sequence : channel::From::oldest;
    options.position = mine_.position;
    return options;
  }
  [[nodiscard]] Reading::Beginning beginning(std::uint64_t channel) const {
    Reading::Beginning beginning;
    if (!in_.is_resumed()) {
      mine_.gap = 0; // it joined at its position, so what it missed behind that is told once more
    }
    beginning.resumed = was_here() || in_.is_resumed();
    beginning.dense = channel_plans[channel].is_dense();
    beginning.missed = in_.missed();
    return beginning;
  }

  std::string who_;
  Readings& mine_;
  Subscriber in_;
  Reading reading_;
};

} // namespace ringfleet::soak
