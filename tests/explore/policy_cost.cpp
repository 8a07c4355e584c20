// The atomics policy costs nothing: the hot verbs of lanes, rings, epochs and counters execute as many instructions as
// the same steps written by hand with std::atomic_ref, without templates, classes or labels. A child executes both, and
// its parent counts by single steps, so the numbers are exact and the same each time.

#include "../kill/stepper.hpp"
#include "ringfleet/call/lane_caller.hpp"
#include "ringfleet/call/lane_server.hpp"
#include "ringfleet/counter/counter.hpp"
#include "ringfleet/fleet/epoch.hpp"
#include "ringfleet/ring/lossy_sequencer.hpp"
#include "ringfleet/ring/parking.hpp"
#include "ringfleet/ring/reader_sequencer.hpp"
#include "ringfleet/ring/ring_memory.hpp"
#include "ringfleet/ring/sequence.hpp"
#include "ringfleet/ring/shared_ring.hpp"
#include "ringfleet/ring/shared_sequencer.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <vector>

#include <unistd.h>

using namespace ringfleet;

namespace {

constexpr call::LaneShape shape{.slots = 4, .slot_bytes = 64, .workers = 1};

// What the two sides of a lane and a producer keep, in the order in which the library keeps it.
struct Server {
  call::LaneShape shape;
  std::span<std::byte> runner;
  std::span<const std::byte> client;
  std::uint64_t next;
  bool closed;
};
struct Caller {
  call::LaneShape shape;
  std::span<std::byte> client;
  std::span<const std::byte> runner;
};

// What a reader of a ring keeps, and one of many producers; what a client needs for an epoch.
struct Reader {
  const ring::ProducerLines* producer;
  ring::ReaderLines* own;
  const std::uint64_t* mark;
  std::uint64_t capacity;
  std::uint64_t position;
  std::uint64_t incarnation;
};
struct SharedProducer {
  std::span<std::uint64_t> descriptors;
  std::uint64_t finished_end;
  std::uint32_t owner;
};
struct Client {
  fleet::EpochLine& line;
  const fleet::RouteLayout& route;
};

template <class T>
std::atomic_ref<T> word(const T& plain) {
  return std::atomic_ref<T>(const_cast<T&>(plain));
}

// ---- each verb twice, all with the same signature, so that they are called in the same way

using Verb = std::uint64_t (*)(void* object, std::uint64_t position);
template <class T>
T& as(void* object) {
  return *static_cast<T*>(object);
}

std::uint64_t publish_request(void* lane, std::uint64_t position) {
  as<call::LaneCaller<>>(lane).publish(position, false);
  return 0;
}
std::uint64_t publish_request_by_hand(void* object, std::uint64_t position) {
  auto& lane = as<Caller>(object);
  auto& header =
      *reinterpret_cast<call::RequestHeader*>(lane.client.data() + call::request_offset(lane.shape, position));
  word(header.stamp).store(position + 1, std::memory_order_release);
  return 0;
}

std::uint64_t look_for_reply(void* lane, std::uint64_t position) {
  return as<call::LaneCaller<>>(lane).has_stamp(position);
}
std::uint64_t look_for_reply_by_hand(void* object, std::uint64_t position) {
  auto& lane = as<Caller>(object);
  const auto* header =
      reinterpret_cast<const call::ReplyHeader*>(lane.runner.data() + call::reply_offset(lane.shape, position));
  __builtin_prefetch(reinterpret_cast<const std::byte*>(header) + cache_line_bytes);
  return word(header->stamp).load(std::memory_order_acquire) == position + 1;
}

std::uint64_t look_for_request(void* lane, std::uint64_t /*position*/) {
  return as<call::LaneServer<>>(lane).has_request();
}
std::uint64_t look_for_request_by_hand(void* object, std::uint64_t /*position*/) {
  auto& lane = as<Server>(object);
  const auto* header =
      reinterpret_cast<const call::RequestHeader*>(lane.client.data() + call::request_offset(lane.shape, lane.next));
  __builtin_prefetch(reinterpret_cast<const std::byte*>(header) + cache_line_bytes);
  return word(header->stamp).load(std::memory_order_acquire) == lane.next + 1 && !lane.closed;
}

std::uint64_t announce(void* lane, std::uint64_t position) {
  as<call::LaneServer<>>(lane).start(0, position, 5);
  return 0;
}
std::uint64_t announce_by_hand(void* object, std::uint64_t position) {
  auto& line = *reinterpret_cast<call::Progress*>(as<Server>(object).runner.data() + call::progress_offset);
  word(line.count).store(1, std::memory_order_relaxed);
  word(line.deadline_ns).store(5, std::memory_order_relaxed);
  word(line.check).store(call::progress_check(position + 1, 5, 1), std::memory_order_relaxed);
  word(line.first_stamp).store(position + 1, std::memory_order_release);
  return 0;
}

std::uint64_t reply(void* lane, std::uint64_t position) {
  as<call::LaneServer<>>(lane).publish_reply(position, CallStatus::ok, 0, 8);
  return 0;
}
std::uint64_t reply_by_hand(void* object, std::uint64_t position) {
  auto& lane = as<Server>(object);
  auto& header = *reinterpret_cast<call::ReplyHeader*>(lane.runner.data() + call::reply_offset(lane.shape, position));
  word(header.payload).store(0, std::memory_order_relaxed);
  word(header.status).store(0, std::memory_order_relaxed);
  word(header.module_code).store(0, std::memory_order_relaxed);
  word(header.payload_bytes).store(8, std::memory_order_relaxed);
  word(header.stamp).store(position + 1, std::memory_order_release);
  return 0;
}

std::uint64_t claim(void* slot, std::uint64_t position) {
  auto expected = call::slot_word(position, call::SlotState::free);
  return Atomics::compare_exchange(as<std::uint64_t>(slot), expected, call::slot_word(position, call::SlotState::held));
}
std::uint64_t claim_by_hand(void* slot, std::uint64_t position) {
  auto expected = position << 3;
  return word(as<std::uint64_t>(slot))
      .compare_exchange_strong(expected, position << 3 | 1, std::memory_order_acq_rel, std::memory_order_acquire);
}

std::uint64_t publish(void* cursor, std::uint64_t position) {
  as<ring::Sequence>(cursor).publish(position);
  return 0;
}
std::uint64_t publish_by_hand(void* cursor, std::uint64_t position) {
  word(as<ring::Sequence>(cursor).value).store(position, std::memory_order_release);
  return 0;
}

std::uint64_t is_awaited(void* flag, std::uint64_t position) {
  return ring::is_awaited(as<std::uint64_t>(flag), position, position + 1);
}
std::uint64_t is_awaited_by_hand(void* flag, std::uint64_t position) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return word(as<std::uint64_t>(flag)).load(std::memory_order_relaxed) - position - 1 < 1;
}

std::uint64_t is_published(void* reader, std::uint64_t position) {
  return as<ring::ReaderSequencer<>>(reader).is_published(position);
}
std::uint64_t is_published_by_hand(void* object, std::uint64_t position) {
  return !ring::is_before(word(as<Reader>(object).producer->cursor.value).load(std::memory_order_acquire), position);
}

std::uint64_t release(void* reader, std::uint64_t count) {
  return static_cast<std::uint64_t>(as<ring::ReaderSequencer<>>(reader).release(count));
}
std::uint64_t release_by_hand(void* object, std::uint64_t count) {
  auto& reader = as<Reader>(object);
  std::atomic_thread_fence(std::memory_order_acquire);
  if (word(*reader.mark).load(std::memory_order_relaxed) == reader.incarnation) [[unlikely]] {
    return static_cast<std::uint64_t>(ring::ReadResult::evicted);
  }
  reader.position += count;
  word(reader.own->gate.value).store(reader.position, std::memory_order_release);
  return static_cast<std::uint64_t>(ring::ReadResult::ok);
}

std::uint64_t check_copy(void* reader, std::uint64_t /*position*/) {
  return as<ring::LossySequencer<>>(reader).check();
}
std::uint64_t check_copy_by_hand(void* object, std::uint64_t /*position*/) {
  auto& reader = as<Reader>(object);
  std::atomic_thread_fence(std::memory_order_acquire);
  const auto limit = word(reader.producer->limit.value).load(std::memory_order_relaxed);
  return !ring::is_before(reader.position, limit - reader.capacity);
}

std::uint64_t commit_shared(void* producer, std::uint64_t first) {
  as<ring::SharedSequencer<>>(producer).commit(first, 1);
  return 0;
}
std::uint64_t commit_shared_by_hand(void* object, std::uint64_t first) {
  auto& producer = as<SharedProducer>(object);
  const auto descriptor =
      ring::descriptor_of({.begin = first, .length = 1, .owner = producer.owner, .fate = ring::Fate::committed},
                          first >> std::countr_zero(producer.descriptors.size()));
  word(producer.descriptors[first & (producer.descriptors.size() - 1)]).store(descriptor, std::memory_order_release);
  producer.finished_end = first + 1;
  return 0;
}

std::uint64_t be_in_epoch(void* client, std::uint64_t /*position*/) {
  const fleet::EpochSection<> section(as<Client>(client).line, fleet::RouteReader<>(as<Client>(client).route));
  return section.epoch();
}
std::uint64_t be_in_epoch_by_hand(void* object, std::uint64_t /*position*/) {
  auto& line = as<Client>(object).line;
  const auto& epoch = as<Client>(object).route.epoch;
  auto seen = word(epoch).load(std::memory_order_acquire);
  for (;;) {
    word(line.inside).store(seen, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const auto now = word(epoch).load(std::memory_order_acquire);
    if (now == seen) {
      break;
    }
    seen = now;
  }
  word(line.inside).store(0, std::memory_order_release);
  return seen;
}

std::uint64_t count(void* counter, std::uint64_t amount) {
  as<counter::Counter>(counter).add(amount);
  return 0;
}
std::uint64_t count_by_hand(void* object, std::uint64_t amount) {
  if (auto* item = as<counter::CounterItem*>(object); item != nullptr) {
    word(item->value).store(word(item->value).load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  return 0;
}

constexpr std::array names = {"lane: publish a request",
                              "lane: look for the reply",
                              "lane: look for a request",
                              "lane: announce a call",
                              "lane: reply",
                              "lane: claim a slot",
                              "ring: publish",
                              "park: is anybody asleep?",
                              "reader: is it published?",
                              "reader: release",
                              "lossy: check a copy",
                              "shared ring: commit",
                              "epoch: enter and leave",
                              "counter: add"};

[[gnu::noinline]] void execute(Verb verb, void* object) {
  kill::mark();
  (void)verb(object, 0);
  kill::mark();
}

// In the child.
void execute_readers() {
  ring::ProducerLines producer{};
  std::array<std::uint64_t, 2> evicted{};
  ring::Sequence joins{};
  std::array<ring::ReaderLines, 2> lines{};
  const ring::RingLines memory{&producer, evicted, &joins, lines, 16};
  ring::format_ring(memory);
  auto reader = *ring::ReaderSequencer<>::join(memory, 0);
  auto lossy = *ring::LossySequencer<>::watch(memory);
  Reader by_hand{&producer, &lines[1], &evicted[1], 16, 0, 1};
  execute(is_published, &reader), execute(is_published_by_hand, &by_hand);
  execute(release, &reader), execute(release_by_hand, &by_hand);
  execute(check_copy, &lossy), execute(check_copy_by_hand, &by_hand);
}
void execute_others() {
  const auto shared = std::make_unique<ring::SharedLines>();
  const auto owners = std::make_unique<ring::OwnerTable>();
  std::array<std::uint64_t, 16> descriptors{};
  std::array<std::uint64_t, 2> evicted{};
  ring::Sequence joins{};
  std::array<ring::ReaderLines, 2> lines{};
  const ring::SharedRingLines memory{shared.get(), owners.get(), descriptors, evicted, &joins, lines};
  ring::format_ring(memory);
  ring::SharedSequencer<> producer(memory, 1);
  SharedProducer producer_by_hand{descriptors, 0, 1};
  execute(commit_shared, &producer), execute(commit_shared_by_hand, &producer_by_hand);

  fleet::EpochLine line{};
  const auto route = std::make_unique<fleet::RouteLayout>();
  Client client{line, *route};
  execute(be_in_epoch, &client), execute(be_in_epoch_by_hand, &client);

  counter::CounterItem item{};
  counter::Counter handle(item);
  counter::CounterItem* item_by_hand = &item;
  execute(count, &handle), execute(count_by_hand, &item_by_hand);
}
[[noreturn]] void execute_all() {
  std::vector<std::byte> requests(call::client_body_bytes(shape));
  std::vector<std::byte> replies(call::runner_body_bytes(shape));
  call::LaneServer<> server(shape, replies, requests);
  call::LaneCaller<> caller(shape, requests, replies);
  Server server_by_hand{shape, replies, requests, 0, false};
  Caller caller_by_hand{shape, requests, replies};
  ring::Sequence cursor{};
  std::array<std::uint64_t, 2> slots{};
  std::uint64_t flag = 0;
  execute(publish_request, &caller), execute(publish_request_by_hand, &caller_by_hand);
  execute(look_for_reply, &caller), execute(look_for_reply_by_hand, &caller_by_hand);
  execute(look_for_request, &server), execute(look_for_request_by_hand, &server_by_hand);
  execute(announce, &server), execute(announce_by_hand, &server_by_hand);
  execute(reply, &server), execute(reply_by_hand, &server_by_hand);
  execute(claim, &slots[0]), execute(claim_by_hand, &slots[1]);
  execute(publish, &cursor), execute(publish_by_hand, &cursor);
  execute(is_awaited, &flag), execute(is_awaited_by_hand, &flag);
  execute_readers();
  execute_others();
  ::_exit(0);
}

#if defined(RINGFLEET_INSTRUMENTED) || !defined(NDEBUG)
constexpr const char* unfit_build = "this build adds instructions of its own";
#elif defined(__clang__)
constexpr const char* unfit_build = "clang inlines one of two equal functions and not the other";
#else
constexpr const char* unfit_build = nullptr;
#endif

int skip(const char* why) {
  std::printf("SKIPPED: the cost of the atomics policy: %s\n", why);
  return 77;
}

} // namespace

int main() {
  if (unfit_build != nullptr) {
    return skip(unfit_build);
  }
  if (!kill::may_step()) {
    return skip("this process may not step a child");
  }
  kill::Stepper child(execute_all);
  std::array<std::uint64_t, 2 * names.size()> counts{};
  for (auto& count : counts) {
    auto stop = child.run();
    do {
      stop = child.step();
      ++count;
    } while (stop == kill::Stepper::Stop::stepped);
    if (stop != kill::Stepper::Stop::marked) {
      std::printf("the child ended with signal %d\n", child.cause());
      return 1;
    }
  }
  int different = 0;
  for (std::size_t verb = 0; verb < names.size(); ++verb) {
    const auto library = counts[2 * verb];
    const auto by_hand = counts[2 * verb + 1];
    std::printf("%-28s %4llu instructions, by hand %4llu%s\n", names[verb], static_cast<unsigned long long>(library),
                static_cast<unsigned long long>(by_hand), library != by_hand ? "  DIFFERENT" : "");
    different += library != by_hand;
  }
  return different == 0 ? 0 : 1;
}
