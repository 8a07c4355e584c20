#include "ringfleet/os/descriptor.hpp"
#include "ringfleet/os/event_counter.hpp"

#include <utility>

#include <doctest/doctest.h>

#include <fcntl.h>

using namespace ringfleet::os;

namespace {

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) != -1;
}
Descriptor open_null() {
  return Descriptor(::open("/dev/null", O_RDWR | O_CLOEXEC));
}

} // namespace

TEST_CASE("descriptor: assigning over a live owner releases what it held") {
  Descriptor held = open_null();
  Descriptor other = open_null();
  const int first = held.get();
  const int second = other.get();
  held = std::move(other);
  CHECK(held.get() == second);
  CHECK_FALSE(is_open(first));
  CHECK(is_open(second));
}

TEST_CASE("descriptor: assigning it to itself keeps it open") {
  Descriptor held = open_null();
  auto& same = held;
  held = std::move(same);
  CHECK(is_open(held.get()));
}

TEST_CASE("descriptor: a duplicate is close-on-exec and lives on its own") {
  Descriptor original = open_null();
  const Descriptor copy = original.duplicate();
  original.reset();
  CHECK_FALSE(original);
  CHECK((::fcntl(copy.get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("event counter: signals add up until they are drained") {
  EventCounter counter;
  CHECK(counter.drain() == 0);
  counter.signal();
  counter.signal();
  CHECK(counter.drain() == 2);
  CHECK(counter.drain() == 0);
}
