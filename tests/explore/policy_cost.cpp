// The atomics policy costs nothing: the hot verbs of lanes and rings execute as many instructions as the same steps
// written by hand with std::atomic_ref, without templates, classes or labels. A child executes both, and its parent
// counts by single steps, so the numbers are exact and the same each time.

#include "../kill/stepper.hpp"
#include "ringfleet/call/lane_caller.hpp"
#include "ringfleet/call/lane_server.hpp"
#include "ringfleet/ring/parking.hpp"
#include "ringfleet/ring/ring_memory.hpp"
#include "ringfleet/ring/sequence.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
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

constexpr std::array names = {"lane: publish a request",
                              "lane: look for the reply",
                              "lane: look for a request",
                              "lane: announce a call",
                              "lane: reply",
                              "lane: claim a slot",
                              "ring: publish",
                              "park: is anybody asleep?"};

[[gnu::noinline]] void execute(Verb verb, void* object) {
  kill::mark();
  (void)verb(object, 0);
  kill::mark();
}

// In the child.
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
  ::_exit(0);
}

int skip(const char* why) {
  std::printf("SKIPPED: the cost of the atomics policy: %s\n", why);
  return 77;
}

} // namespace

int main() {
#if defined(RINGFLEET_INSTRUMENTED) || !defined(NDEBUG)
  return skip("this build adds instructions of its own");
#elif defined(__clang__)
  return skip("clang inlines one of two equal functions and not the other");
#else
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
#endif
}
