// A worker group: its scheduler says one thing after the other to all workers, each of them answers each with one
// message of its own, and the scheduler hears them all. The ledger keeps both ways like those of any other channel. A
// worker that is killed comes back under its number and goes on where it was; after the death of its scheduler the
// next one says at least one thing, and hears of each worker what comes from then on.

#include "reader_handle.hpp"

#include "ringfleet/channel/worker_group.hpp"

namespace ringfleet::soak {
namespace {

using channel::PublishResult;
using channel::WaitResult;

channel::GroupOptions group_options() {
  channel::GroupOptions options;
  options.workers = group_workers;
  options.timeout = std::chrono::seconds(60);
  options.ring_bytes = 64 * 1'024;
  return options;
}

// The next number of the life that is counted. False: there was no room for a moment.
template <class Publisher>
bool say(Publisher& out, Ledger& ledger, std::uint64_t channel, std::uint64_t number) {
  auto& stream = ledger.channels[channel].streams[number];
  auto& counts = stream.now();
  const auto next = counts.accepted.load();
  counts.attempted = next + 1;
  const auto result = out.publish(Element::of(number, stream.life, next), in_a_moment());
  if (result == PublishResult::published) {
    counts.accepted = next + 1;
    return true;
  }
  counts.attempted = next;
  if (result != PublishResult::full) {
    complain(ledger, std::string("in a worker group publish answers ") + to_string(result));
  }
  return false;
}

} // namespace

int play_group(const Part& part, Ledger& ledger) {
  constexpr std::uint64_t burst = 16;
  auto& here = ledger.channels[group_up];
  auto& mine = begin_to_join(here.readers[0]);
  WorkerGroup<Element, Element> group(group_name(part.word), group_options());
  Reading::Beginning beginning;
  beginning.anywhere = true; // what was answered while there was no scheduler is nobody's
  Reading reading(ledger, here, mine, "the scheduler of the group", beginning);
  mine.ready = 1;
  auto& counts = ledger.channels[group_down].streams[0].now();
  for (;;) {
    const auto order = ledger.order.load();
    if (Ledger::of(order) == Order::end) {
      return 0;
    }
    if (Ledger::of(order) == Order::work || counts.accepted == 0) {
      for (std::uint64_t i = 0; i < burst && say(group.out(), ledger, group_down, 0); ++i) {
      }
    } else {
      group.out().check_readers();
      ledger.quiet_producers[group_down][0] = order;
    }
    const auto polled = group.poll([&](std::uint32_t worker, const Element& element) {
      reading.missed(group.in().missed());
      if (element.stream != worker) {
        complain(ledger, "a worker's message comes under the number of another one");
      }
      reading.take(element, mine.position);
    });
    if (const auto waited = polled.messages != 0 ? WaitResult::ready : group.wait(in_a_moment());
        waited != WaitResult::ready && waited != WaitResult::timed_out) {
      complain(ledger,
               std::string("the scheduler of the group waits for its workers and is told ") + to_string(waited));
    }
  }
}

int play_worker(const Part& part, Ledger& ledger) {
  const auto number = part.numbers[0];
  auto& here = ledger.channels[group_down];
  auto& mine = begin_to_join(here.readers[number]);
  const bool was_here = mine.position != 0;
  const std::string who = "worker " + std::to_string(number) + " of the group";
  GroupWorker<Element, Element> worker(group_name(part.word), static_cast<std::uint32_t>(number), group_options());
  auto& in = worker.in();
  if (was_here && !in.is_resumed()) {
    complain(ledger, who + " was there before, and is a stranger");
  }
  Reading::Beginning beginning;
  beginning.resumed = in.is_resumed();
  beginning.dense = true;
  beginning.missed = in.missed();
  Reading reading(ledger, here, mine, who, beginning);
  mine.ready = 1;
  std::uint32_t order = 0;
  while (Ledger::of(order = ledger.order.load()) != Order::end) {
    const auto polled = in.poll(
        [&](const Element& element, const frame::View& view) {
          // The answer first: what counts as heard has been answered.
          while (!say(worker.out(), ledger, group_up, number) && Ledger::of(ledger.order.load()) != Order::end) {
          }
          reading.missed(in.missed());
          reading.take(element, view.id);
        },
        batch);
    if (polled.messages == 0) {
      if (Ledger::of(order) != Order::work) {
        worker.out().check_readers(); // lets go of those that are gone
        ledger.quiet_producers[group_up][number] = order;
      }
      if (!wait_for_more(in, ledger)) {
        return 1;
      }
    }
  }
  return 0;
}

} // namespace ringfleet::soak
