//   client core                      server core
//   [ping word] --FUTEX_WAKE-------> sleeps on ping
//   sleeps on pong <--FUTEX_WAKE---- [pong word]

#include "floors/floors.hpp"

#include "harness/process.hpp"
#include "harness/trips.hpp"

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/cache_line.hpp"

#include <cstdint>
#include <limits>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringfleet::bench {
namespace {

struct Words {
  alignas(cache_line_pair_bytes) std::uint32_t ping = 0;
  alignas(cache_line_pair_bytes) std::uint32_t pong = 0;
};

constexpr std::uint32_t end_of_run = std::numeric_limits<std::uint32_t>::max();

// A raw system call each: this row is about the kernel, not about any wrapper.
void set_and_wake(std::uint32_t& word, std::uint32_t value) {
  Atomics::store_release(word, value);
  syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

std::uint32_t sleep_until_not(const std::uint32_t& word, std::uint32_t old) {
  std::uint32_t now = Atomics::load_acquire(word);
  while (now == old) {
    syscall(SYS_futex, &word, FUTEX_WAIT, old, nullptr, nullptr, 0);
    now = Atomics::load_acquire(word);
  }
  return now;
}

void answer(Words& words) {
  std::uint32_t seen = 0;
  while (seen != end_of_run) {
    seen = sleep_until_not(words.ping, seen);
    set_and_wake(words.pong, seen);
  }
}

enum class Before { nothing, sleep };

Sample measure(const Slice& slice, Before before) {
  SharedMemory memory(sizeof(Words));
  auto& words = memory.as<Words>();
  PeerProcess peer(slice.server_core, [&] { answer(words); });
  pin_to(slice.client_core);
  std::uint32_t sent = 0;
  const auto exchange = [&](std::uint32_t value) {
    set_and_wake(words.ping, value);
    sent = sleep_until_not(words.pong, sent);
  };
  const auto trip = [&] { exchange(sent + 1); };
  Sample sample = before == Before::sleep ? time_trips_from_sleep(slice, trip) : time_trips(slice, trip);
  exchange(end_of_run);
  peer.join();
  return sample;
}

} // namespace

Row floor_futex() {
  return {.name = "floor_futex", .parameters = {}, .measure = [](const Slice& slice) {
            return measure(slice, Before::nothing);
          }};
}

Row floor_futex_from_sleep() {
  return {.name = "floor_futex", .parameters = {{"begins", "asleep"}}, .measure = [](const Slice& slice) {
            return measure(slice, Before::sleep);
          }};
}

} // namespace ringfleet::bench
