// A reader inside a Boost.Asio loop: the loop also runs timers and sockets, and sleeps while there is nothing to read.
// usage: epoll_reader [CHANNEL]

#include "tick.hpp"
#include <ringfleet/channel/publisher.hpp>
#include <ringfleet/channel/subscriber.hpp>
#include <ringfleet/ring/event_reader.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdio>
#include <functional>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

using namespace ringfleet::channel;

int main(int argc, char** argv) {
  const std::string channel = argc > 1 ? argv[1] : "epoll-reader";
  constexpr long ticks = 10'000;

  if (::fork() == 0) {
    ringfleet::Publisher<Tick> out(channel, {.coordination = Coordination::wait_for_readers(1)});
    for (long id = 1; id <= ticks; ++id) {
      out.publish({id, 99.5});
    }
    return 0;
  }

  ringfleet::Subscriber<Tick> in(channel, {.wait_for_publisher = std::chrono::seconds(30)});
  ringfleet::ring::EventReader events(
      in.frames().ring()); // its descriptor is readable while there is something to read
  boost::asio::io_context loop;
  boost::asio::posix::stream_descriptor readable(loop, events.fd());
  long in_order = 0;
  const std::function<void(const boost::system::error_code&)> read = [&](const boost::system::error_code& error) {
    const auto polled = in.poll([&](const Tick& tick) { in_order += tick.id == in_order + 1 ? 1 : 0; });
    events.rearm();
    if (!error && polled.ended != ringfleet::frame::ReadResult::detached) {
      readable.async_wait(readable.wait_read, read);
    }
  };
  readable.async_wait(readable.wait_read, read);
  loop.run(); // ends when nobody publishes any more and everything was read
  readable.release();
  ::wait(nullptr);
  std::printf("%ld ticks in order\n", in_order);
  return in_order == ticks ? 0 : 1;
}
