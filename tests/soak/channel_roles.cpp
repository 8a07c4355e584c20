// Producers and readers, each a process of its own.

#include "reader_handle.hpp"

#include "ringfleet/channel/publisher.hpp"
#include "ringfleet/memory/segment_name.hpp"

#include <chrono>

#include <poll.h>

namespace ringfleet::soak {

std::string group_name(const std::string& word) {
  return word + "-group";
}

memory::Place place_of(std::size_t channel, const std::string& directory, const std::string& word) {
  const memory::EngineNames group(group_name(word));
  if (channel >= open_channels) {
    return memory::Place::shm(channel == group_down ? group.broadcast() : group.gather());
  }
  const auto name = word + "-" + std::to_string(channel);
  return channel_plans[channel].is_file ? memory::Place::file(directory + "/" + name) : memory::Place::shm(name);
}

namespace {

using channel::PublishResult;

channel::PublisherOptions publisher_options() {
  channel::PublisherOptions options;
  options.ring_bytes = 64 * 1'024; // a thousand messages, so that the ring is full now and then
  options.members = 12;            // so that lines that do not come back are missed soon
  return options;
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
      note_heap(ledger);
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

// May be lapped, and says what it lost. When it was killed the next one goes on at the position that is noted, or,
// where positions are not those of messages, with what comes next.
template <class Subscriber>
int read_what_is_there(const Part& part, Ledger& ledger) {
  const auto channel = part.numbers[0];
  auto& mine = begin_to_join(ledger.channels[channel].readers[lossy_reader]);
  const bool was_here = mine.position != 0;
  channel::SubscriberOptions options;
  options.wait_for_publisher = std::chrono::seconds(60);
  Reading::Beginning beginning;
  beginning.lossy = true;
  beginning.dense = channel_plans[channel].is_dense();
  beginning.resumed = was_here && beginning.dense;
  beginning.anywhere = !beginning.resumed;
  if (beginning.resumed) {
    options.from = channel::From::sequence;
    options.position = mine.position;
  }
  Subscriber in(place_of(channel, part.directory, part.word), options);
  mine.gap = 0; // as of a reliable one that comes back by its position
  Reading reading(ledger, ledger.channels[channel], mine, "the lossy reader of channel " + std::to_string(channel),
                  beginning);
  mine.ready = 1;
  constexpr int long_enough_ms = 30; // for a whole ring, now and then
  return read_on(in, reading, ledger, ~std::uint64_t{0}, long_enough_ms) ? 0 : 1;
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
  return plan.is_large && plan.many_producers ? produce<LargePublisher<channel::SharedFramePublisher>>(part, ledger)
         : plan.is_large                      ? produce<LargePublisher<channel::FramePublisher>>(part, ledger)
         : plan.many_producers                ? produce<SharedPublisher<Element>>(part, ledger)
                                              : produce<Publisher<Element>>(part, ledger);
}
int play_reader(const Part& part, Ledger& ledger) {
  return as_reader_of(channel_plans[part.numbers[0]], [&]<class S>(std::type_identity<S> /*its type*/) {
    ReliableReader<S> reader(part, ledger, part.numbers[0], part.numbers[1]);
    if (!read_on(reader.in(), reader.reading(), ledger, ~std::uint64_t{0})) {
      return 1;
    }
    reader.in().leave();
    return 0;
  });
}
int play_lossy(const Part& part, Ledger& ledger) {
  return as_lossy_reader_of(channel_plans[part.numbers[0]], [&]<class S>(std::type_identity<S> /*its type*/) {
    return read_what_is_there<S>(part, ledger);
  });
}
int play_visitor(const Part& part, Ledger& ledger) {
  const auto& plan = channel_plans[part.numbers[0]];
  const auto play = [&]<class S>(std::type_identity<S> /*its type*/) { return visit<S>(part, ledger); };
  return static_cast<Joining>(part.numbers[1]) == Joining::lossy ? as_lossy_reader_of(plan, play)
                                                                 : as_reader_of(plan, play);
}

} // namespace ringfleet::soak
