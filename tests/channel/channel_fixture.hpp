#pragma once

// Channels of one test: a name that no other test and no other run has, and the removal of what lies under it.

#include "../os/forked_child.hpp"
#include "../os/scratch_directory.hpp"
#include "ringfleet/channel/publisher.hpp"
#include "ringfleet/channel/subscriber.hpp"
#include "ringfleet/codec/raw.hpp"

#include <cstdint>
#include <string>

#include <stdlib.h>
#include <unistd.h>

namespace ringfleet::channel::test {

using ringfleet::test::error_of;
using ringfleet::test::fork_child;
using ringfleet::test::in_forked_child;
using ringfleet::test::wait_for_child;

struct Tick {
  std::uint64_t number;
  std::uint64_t twice;
};

[[nodiscard]] inline Tick tick(std::uint64_t number) {
  return {number, 2 * number};
}

class ScratchChannel {
public:
  explicit ScratchChannel(memory::Backing backing = memory::Backing::shm)
      : place_(backing == memory::Backing::shm
                   ? memory::Place::shm("test-" + std::to_string(::getpid()) + "-" + std::to_string(count_++))
                   : memory::Place::file(directory_ / "ticks")) {
    ::setenv("RINGFLEET_DIR", (directory_ / "run").c_str(), 1);
  }
  ~ScratchChannel() {
    for (const char* part : {"", "members", "arena", "lock"}) {
      ::unlink(place_.path(part).c_str());
    }
  }
  ScratchChannel(const ScratchChannel&) = delete;
  ScratchChannel& operator=(const ScratchChannel&) = delete;

  [[nodiscard]] const memory::Place& place() const noexcept { return place_; }
  [[nodiscard]] std::string runtime_directory() const { return directory_ / "run"; }

private:
  static inline int count_ = 0;
  ringfleet::test::ScratchDirectory directory_;
  memory::Place place_;
};

inline PublisherOptions small_ring() {
  PublisherOptions options;
  options.ring_bytes = 4'096;
  return options;
}
inline SubscriberOptions from_oldest(std::string id = {}) {
  SubscriberOptions options;
  options.id = std::move(id);
  options.from = From::oldest;
  return options;
}
inline MonotonicNs in_seconds(int seconds) {
  return deadline_after(monotonic_now(), std::chrono::seconds(seconds));
}

} // namespace ringfleet::channel::test
