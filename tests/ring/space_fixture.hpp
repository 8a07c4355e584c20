#pragma once

// Rings of one test: a specification under a name that no other test and no other run has, and the removal of whatever
// lies under it at the end.

#include "../os/forked_child.hpp"
#include "../os/scratch_directory.hpp"
#include "ringfleet/ring/ring.hpp"
#include "ringfleet/ring/ring_space.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <string>

#include <unistd.h>

namespace ringfleet::ring::test {

using ringfleet::test::error_of;
using ringfleet::test::fork_child;
using ringfleet::test::in_forked_child;
using ringfleet::test::wait_for_child;

struct Tick {
  std::uint64_t number;
  std::uint64_t twice;
};
inline constexpr std::uint64_t tick_fingerprint = 0x71c;

inline RingSpec ticks_at(const memory::Place& place) {
  RingSpec spec;
  spec.place = place;
  spec.unit_bytes = sizeof(Tick);
  spec.capacity = 64;
  spec.members = 8;
  spec.fingerprint = tick_fingerprint;
  return spec;
}
inline RingExpectation ticks() {
  RingExpectation expected;
  expected.unit_bytes = sizeof(Tick);
  expected.fingerprint = tick_fingerprint;
  return expected;
}

// A named place of this test; everything under the name is removed before and after.
class ScratchRing {
public:
  explicit ScratchRing(memory::Backing backing)
      : place_(backing == memory::Backing::shm
                   ? memory::Place::shm("test-" + std::to_string(::getpid()) + "-" + std::to_string(count_++))
                   : memory::Place::file(directory_ / "ticks")) {}
  ~ScratchRing() {
    for (const char* part : {"", "members", "arena", "lock"}) {
      ::unlink(place_.path(part).c_str());
    }
  }
  ScratchRing(const ScratchRing&) = delete;
  ScratchRing& operator=(const ScratchRing&) = delete;

  [[nodiscard]] const memory::Place& place() const noexcept { return place_; }
  [[nodiscard]] const std::string& directory() const noexcept { return directory_.path(); }
  // Files that lie under the name, the lock aside.
  [[nodiscard]] int count_files() const {
    const auto own = memory::parse_file_name(place_.backing(), name_of(place_.path()));
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(place_.directory())) {
      const auto file = memory::parse_file_name(place_.backing(), entry.path().filename().string());
      count += file && own && file->name == own->name && file->part != "lock";
    }
    return count;
  }

private:
  static std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

  static inline int count_ = 0;
  ringfleet::test::ScratchDirectory directory_;
  memory::Place place_;
};

// What a forked child tells its parent, and the other way round: one word in memory that both have.
class ChildWord {
public:
  ChildWord() : mapping_(os::Mapping::heap(4'096)) {}
  void set(std::uint32_t value) {
    Atomics::store_release(word(), value);
    os::futex_wake(word(), os::wake_all);
  }
  // Bounded: false when it does not come to that.
  [[nodiscard]] bool wait_for(std::uint32_t value, Nanoseconds timeout = std::chrono::seconds(20)) {
    const auto deadline = deadline_after(monotonic_now(), timeout);
    while (true) {
      const auto seen = Atomics::load_acquire(word());
      if (seen == value) {
        return true;
      }
      if (os::futex_wait(word(), seen, deadline) == os::WaitResult::timed_out) {
        return Atomics::load_acquire(word()) == value;
      }
    }
  }

private:
  std::uint32_t& word() { return *reinterpret_cast<std::uint32_t*>(mapping_.writable_bytes().data()); }
  os::Mapping mapping_;
};

// Of this thread.
template <class Work>
Nanoseconds cpu_time_of(Work&& work) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  };
  const auto begin = now();
  work();
  return now() - begin;
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace ringfleet::ring::test
