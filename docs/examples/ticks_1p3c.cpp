// One producer process, three consumer processes: each consumer sees every tick, in order.
// usage: ticks_1p3c [CHANNEL]

#include "tick.hpp"
#include <ringfleet/channel/publisher.hpp>
#include <ringfleet/channel/subscriber.hpp>

#include <cstdio>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

using namespace ringfleet::channel;

int main(int argc, char** argv) {
  const std::string channel = argc > 1 ? argv[1] : "ticks-1p3c";
  constexpr long ticks = 100'000;
  constexpr int consumers = 3;

  for (int number = 1; number <= consumers; ++number) {
    if (::fork() == 0) { // a channel is opened after the fork, never before
      ringfleet::Subscriber<Tick> in(channel, {.wait_for_publisher = std::chrono::seconds(30)});
      long in_order = 0;
      const WaitResult end = in.run([&](const Tick& tick) { in_order += tick.id == in_order + 1 ? 1 : 0; });
      std::printf("consumer %d: %ld ticks in order, then %s\n", number, in_order, to_string(end));
      return in_order == ticks ? 0 : 1;
    }
  }
  {
    ringfleet::Publisher<Tick> out(
        channel, {.coordination = Coordination::wait_for_readers(consumers, std::chrono::seconds(30))});
    for (long id = 1; id <= ticks; ++id) {
      if (out.publish({id, 0.25 * static_cast<double>(id)}) != PublishResult::published) {
        return 1;
      }
    }
  } // the consumers read what is left, then learn that nobody publishes any more
  int failed = 0;
  for (int number = 1; number <= consumers; ++number) {
    int status = 0;
    ::wait(&status);
    failed += status == 0 ? 0 : 1;
  }
  return failed;
}
