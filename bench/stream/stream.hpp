#pragma once

// One-way streams: how a source and a sink on two cores find their end, and the loop that measures the rate at the
// sink.
//
//   source, server core                         sink, client core
//   block block … until stop is raised  ------> read, check, count
//   sent = how many there were          ------> read on until all of them have come

#include "harness/experiment.hpp"
#include "harness/process.hpp"
#include "harness/stopwatch.hpp"

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/base/cache_line.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <thread>

namespace ringfleet::bench {

enum class Beside { process, thread };

[[nodiscard]] constexpr const char* name_of(Beside beside) noexcept {
  return beside == Beside::process ? "processes" : "threads";
}

// Lies in shared memory, zeroed.
struct StreamEnd {
  alignas(page_bytes) std::uint64_t stop;
  alignas(cache_line_pair_bytes) std::uint64_t sent;
  std::uint64_t drained; // by the sink: a source that would lose what is on its way may end now
};

// A source looks at `stop` once in so many messages, which is a multiple of every batch.
inline constexpr std::uint64_t stream_block = 1024;

// The source's whole life: `send_block(first)` sends the messages first … first + stream_block - 1.
template <class SendBlock>
void run_source(StreamEnd& end, SendBlock&& send_block) {
  std::uint64_t sent = 0;
  do {
    send_block(sent);
    sent += stream_block;
  } while (Atomics::load_relaxed(end.stop) == 0);
  Atomics::store_release(end.sent, sent);
}

// The other side of a benchmark: a child process, or a thread of this one, pinned to its core.
class OtherSide {
public:
  OtherSide(Beside beside, int core, std::function<void()> body);
  ~OtherSide();
  OtherSide(const OtherSide&) = delete;
  OtherSide& operator=(const OtherSide&) = delete;

  // Waits for it to end; throws what went wrong there.
  void join();
  // Throws when it has ended by a fault: whoever spins on it asks now and then.
  void expect_alive();

private:
  std::optional<PeerProcess> process_;
  std::thread thread_;
  std::exception_ptr failure_;
  std::uint32_t failed_ = 0;
};

// After a long time without a message: throws when none can come.
void expect_more(const StreamEnd& end, OtherSide& source, std::uint64_t taken);
inline constexpr double quiet_seconds_max = 3;

// `poll()` reads what is there, checks it with `checker`, and returns how many messages that was; it may wait a little
// when there is none. The caller has pinned itself.
template <class AnyChecker, class Poll>
[[nodiscard]] Sample time_stream(const Slice& slice, StreamEnd& end, OtherSide& source, const AnyChecker& checker,
                                 Poll&& poll) {
  Ticks quiet_since = 0;
  const auto take = [&] {
    const std::uint64_t taken = poll();
    if (taken != 0) {
      quiet_since = 0;
    } else if (quiet_since == 0) {
      quiet_since = stamp();
    } else if (stamp() - quiet_since > ticks_of(quiet_seconds_max)) {
      expect_more(end, source, checker.checked());
      quiet_since = 0;
    }
    return taken;
  };
  const auto take_block = [&] {
    std::uint64_t taken = 0;
    while (taken < stream_block) {
      taken += take();
    }
    return taken;
  };
  constexpr double warm_up_part = 0.2;
  const Ticks warm_up_end = stamp() + ticks_of(slice.seconds * warm_up_part);
  while (stamp() < warm_up_end) {
    take_block();
  }
  Sample sample;
  std::uint64_t taken = 0;
  const Ticks begin = stamp();
  const Ticks deadline = begin + ticks_of(slice.seconds);
  Ticks now = begin;
  while (now < deadline) {
    taken += take_block();
    now = stamp();
  }
  sample.ops_per_s = static_cast<double>(taken) / seconds_of(now - begin);
  // The source may be waiting for room, so the sink goes on while it ends.
  Atomics::store_release(end.stop, std::uint64_t{1});
  while (checker.checked() != Atomics::load_acquire(end.sent)) {
    take();
  }
  Atomics::store_release(end.drained, std::uint64_t{1});
  source.join();
  checker.expect_intact();
  return sample;
}

} // namespace ringfleet::bench
