// T3: a loan of gigabytes. Its memory is there as soon as the arena is, so this wants room for all of it, and says so
// where there is none.

#include "channel_fixture.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <string>

#include <sys/statvfs.h>

using namespace ringfleet;
using namespace ringfleet::channel;
using namespace ringfleet::channel::test;

namespace {

constexpr std::uint64_t loan_bytes = 2ULL << 30;
constexpr std::uint64_t room_wanted = 2 * loan_bytes; // half of it stays for everybody else

std::uint64_t free_in_shm() {
  struct statvfs shm{};
  return ::statvfs("/dev/shm", &shm) == 0 ? std::uint64_t{shm.f_bavail} * shm.f_frsize : 0;
}

std::uint64_t free_memory() {
  std::ifstream meminfo("/proc/meminfo");
  for (std::string word; meminfo >> word;) {
    if (word == "MemAvailable:") {
      std::uint64_t kibibytes = 0;
      meminfo >> kibibytes;
      return kibibytes << 10;
    }
  }
  return 0;
}

// What the container may have; "max" or no such file: no limit of its own.
std::uint64_t container_memory() {
  std::ifstream limit("/sys/fs/cgroup/memory.max");
  std::uint64_t bytes = 0;
  return limit >> bytes ? bytes : ~std::uint64_t{0};
}

} // namespace

TEST_CASE("channel: a loan of 2 GiB is seen whole by its reader, from its first byte to its last") { // T3
  if (free_in_shm() < room_wanted || free_memory() < room_wanted || container_memory() < room_wanted) {
    MESSAGE("SKIPPED: 4 GiB must be free in /dev/shm and in memory");
    return;
  }
  const ScratchChannel channel;
  PublisherOptions options;
  options.arena_bytes = loan_bytes + 4'096;
  FramePublisher out(channel.place(), options);
  FrameSubscriber in(channel.place());
  auto loan = out.loan(loan_bytes);
  REQUIRE(loan);
  REQUIRE(loan.bytes().size() == loan_bytes);
  loan.bytes().front() = std::byte{1};
  loan.bytes().back() = std::byte{2};
  CHECK(out.loan(loan_bytes).result() == frame::WriteResult::full); // it is out
  REQUIRE(out.commit(loan, loan.bytes()) == PublishResult::published);
  const auto seen = in.poll([](const frame::View& view) {
    REQUIRE(view.bytes.size() == loan_bytes);
    CHECK(view.bytes.front() == std::byte{1});
    CHECK(view.bytes.back() == std::byte{2});
  });
  CHECK(seen.messages == 1);
  CHECK(out.loan(loan_bytes)); // it was given back
  CHECK(out.loan(loan_bytes + 8'192).result() == frame::WriteResult::too_large);
}
