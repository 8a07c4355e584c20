#include "ringfleet/os/event_counter.hpp"
#include "ringfleet/os/poller.hpp"
#include "ringfleet/os/socket.hpp"

#include <chrono>
#include <thread>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::os;
using namespace std::chrono_literals;

TEST_CASE("poller: tells which descriptor is readable, until it is drained or removed") {
  Poller poller;
  EventCounter first;
  EventCounter second;
  poller.add(first.fd(), 11);
  poller.add(second.fd(), 22);
  CHECK(poller.wait(0).empty());
  second.signal();
  auto events = poller.wait(never);
  REQUIRE(events.size() == 1);
  CHECK(events[0].token == 22);
  CHECK(events[0].readable);
  CHECK_FALSE(events[0].hangup);
  CHECK(poller.wait(0).size() == 1);
  second.drain();
  CHECK(poller.wait(0).empty());
  second.signal();
  poller.remove(second.fd());
  poller.remove(second.fd());
  CHECK(poller.wait(0).empty());
}

TEST_CASE("poller: a deadline ends the wait, and another thread's signal does") {
  Poller poller;
  EventCounter counter;
  poller.add(counter.fd(), 1);
  CHECK(poller.wait(deadline_after(monotonic_now(), 1ms)).empty());
  std::thread other([&] { counter.signal(); });
  CHECK(poller.wait(deadline_after(monotonic_now(), 20s)).size() == 1);
  other.join();
}

TEST_CASE("poller: the end of a connection is a hangup") {
  Poller poller;
  auto [mine, theirs] = Socket::pair();
  poller.add(mine.fd(), 1);
  theirs.close();
  const auto events = poller.wait(never);
  REQUIRE(events.size() == 1);
  CHECK(events[0].hangup);
}
