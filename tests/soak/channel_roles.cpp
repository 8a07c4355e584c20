// Producers and readers, each a process of its own.

#include "large_messages.hpp"
#include "reading.hpp"
#include "roles.hpp"

#include "ringfleet/channel/publisher.hpp"
#include "ringfleet/channel/subscriber.hpp"
#include "ringfleet/codec/raw.hpp"

#include <chrono>

#include <poll.h>

namespace ringfleet::soak {

memory::Place place_of(std::size_t channel, const std::string& directory, const std::string& word) {
  const auto name = word + "-" + std::to_string(channel);
  return channel_plans[channel].is_file ? memory::Place::file(directory + "/" + name) : memory::Place::shm(name);
}

channel::PublisherOptions publisher_options() {
  channel::PublisherOptions options;
  options.ring_bytes = 64 * 1'024; // a thousand messages, so that the ring is full now and then
  options.members = 12;            // so that lines that do not come back are missed soon
  return options;
}

namespace {

using channel::PublishResult;
using channel::WaitResult;

constexpr auto moment = std::chrono::milliseconds(20);
MonotonicNs in_a_moment() {
  return deadline_after(monotonic_now(), moment);
}

template <class Publisher>
int produce(const Part& part, Ledger& ledger) {
  const auto channel = part.numbers[0];
  const auto number = part.numbers[1];
  auto& stream = ledger.channels[channel].streams[number];
  Publisher out(place_of(channel, part.directory, part.word), publisher_options());
  const auto life = stream.life.load();
  auto& counts = stream.now();
  std::uint64_t burst = number;
  for (;;) {
    const auto order = ledger.order.load();
    if (Ledger::of(order) == Order::end) {
      return 0;
    }
    if (Ledger::of(order) != Order::work) {
      out.check_readers(); // lets go of those that are gone
      ledger.quiet_producers[channel][number] = order;
      wait_for_order(ledger, order);
      continue;
    }
    burst = (burst * 5 + 7) % 64;
    for (std::uint64_t i = 0; i <= burst; ++i) {
      const auto next = counts.accepted.load();
      counts.attempted = next + 1;
      const auto result = out.publish(Element::of(number, life, next), in_a_moment());
      if (result == PublishResult::published) {
        counts.accepted = next + 1;
        continue;
      }
      counts.attempted = next;
      if (result != PublishResult::full) {
        complain(ledger, part.role + ": publish answers " + to_string(result));
      }
      break;
    }
    ::poll(nullptr, 0, 1); // so that the others have the processor, too
  }
}

// Reads until `wanted` messages have come, or the order to end. False: it was told what it must not be told.
template <class Subscriber>
bool read_on(Subscriber& in, Reading& reading, Ledger& ledger, std::uint64_t wanted) {
  std::uint64_t read = 0;
  while (read < wanted && Ledger::of(ledger.order.load()) != Order::end) {
    const auto polled = in.poll(
        [&](const Element& element, const frame::View& view) {
          reading.missed(in.missed());
          reading.take(element, view.id);
          if (element.number % 512 == 0) {
            ::poll(nullptr, 0, 1); // so that readers are killed with something in hand now and then
          }
        },
        std::min(batch, wanted - read));
    read += polled.messages;
    if (polled.messages != 0) {
      continue;
    }
    auto waited = in.wait(in_a_moment());
    if (waited == WaitResult::detached) {
      waited = in.wait_for_publisher(in_a_moment());
    }
    if (waited != WaitResult::ready && waited != WaitResult::timed_out) {
      complain(ledger, std::string("a reader's wait answers ") + to_string(waited));
      return false;
    }
  }
  return true;
}

template <class Subscriber>
int read_always(const Part& part, Ledger& ledger) {
  const auto channel = part.numbers[0];
  auto& mine = ledger.channels[channel].readers[part.numbers[1]];
  const bool was_here = mine.position != 0;
  channel::SubscriberOptions options;
  options.id = part.role + std::to_string(part.numbers[1]);
  options.wait_for_publisher = std::chrono::seconds(60);
  options.from = was_here ? channel::From::sequence : channel::From::oldest;
  options.position = mine.position;
  Subscriber in(place_of(channel, part.directory, part.word), options);
  Reading::Beginning beginning;
  beginning.resumed = was_here || in.is_resumed();
  beginning.dense = channel_plans[channel].is_dense();
  beginning.missed = in.missed();
  Reading reading(ledger, ledger.channels[channel], mine, options.id + " of channel " + std::to_string(channel),
                  beginning);
  mine.ready = 1;
  if (!read_on(in, reading, ledger, ~std::uint64_t{0})) {
    return 1;
  }
  in.leave();
  return 0;
}

template <class Subscriber>
int visit(const Part& part, Ledger& ledger) {
  const auto channel = part.numbers[0];
  const auto joining = static_cast<Joining>(part.numbers[1]);
  Readings mine{};
  channel::SubscriberOptions options;
  options.wait_for_publisher = std::chrono::seconds(60);
  options.position = part.numbers[2];
  options.from = joining == Joining::oldest     ? channel::From::oldest
                 : joining == Joining::position ? channel::From::sequence
                                                : channel::From::latest;
  Subscriber in(place_of(channel, part.directory, part.word), options);
  Reading::Beginning beginning;
  beginning.anywhere = true;
  beginning.lossy = joining == Joining::lossy;
  beginning.dense = channel_plans[channel].is_dense();
  if (joining == Joining::position && beginning.dense) {
    mine.position = options.position;
    beginning.resumed = true;
  }
  beginning.missed = beginning.lossy ? 0 : in.missed();
  Reading reading(ledger, ledger.channels[channel], mine, "visitor of channel " + std::to_string(channel), beginning);
  if (!read_on(in, reading, ledger, part.numbers[3])) {
    return 1;
  }
  if (joining != Joining::oldest) { // which ends without a word
    in.leave();
  }
  return 0;
}

} // namespace

int play_producer(const Part& part, Ledger& ledger) {
  const auto& plan = channel_plans[part.numbers[0]];
  return plan.many_producers ? produce<SharedPublisher<Element>>(part, ledger)
         : plan.is_large     ? produce<LargePublisher>(part, ledger)
                             : produce<Publisher<Element>>(part, ledger);
}
int play_reader(const Part& part, Ledger& ledger) {
  const auto& plan = channel_plans[part.numbers[0]];
  return plan.many_producers ? read_always<SharedSubscriber<Element>>(part, ledger)
         : plan.is_large     ? read_always<LargeSubscriber<channel::FrameSubscriber>>(part, ledger)
                             : read_always<Subscriber<Element>>(part, ledger);
}
int play_visitor(const Part& part, Ledger& ledger) {
  const auto& plan = channel_plans[part.numbers[0]];
  if (static_cast<Joining>(part.numbers[1]) == Joining::lossy) {
    return plan.many_producers ? visit<SharedLossySubscriber<Element>>(part, ledger)
           : plan.is_large     ? visit<LargeSubscriber<channel::LossyFrameSubscriber>>(part, ledger)
                               : visit<LossySubscriber<Element>>(part, ledger);
  }
  return plan.many_producers ? visit<SharedSubscriber<Element>>(part, ledger)
         : plan.is_large     ? visit<LargeSubscriber<channel::FrameSubscriber>>(part, ledger)
                             : visit<Subscriber<Element>>(part, ledger);
}

} // namespace ringfleet::soak
