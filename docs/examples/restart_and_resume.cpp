// Two publishers, one after the other, are killed with SIGKILL; a subscriber that goes away and comes back by its id
// misses nothing.
// usage: restart_and_resume [CHANNEL]

#include "tick.hpp"
#include <ringfleet/channel/publisher.hpp>
#include <ringfleet/channel/subscriber.hpp>

#include <csignal>
#include <cstdio>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

using namespace ringfleet::channel;

int main(int argc, char** argv) {
  const std::string channel = argc > 1 ? argv[1] : "restart-and-resume";
  long seen = 0;
  bool misses_nothing = true;
  for (const long generation : {1, 2}) {
    if (::fork() == 0) {
      // The second one continues the channel that the first has left: the same memory, the next generation.
      const auto existing =
          generation == 1 ? ringfleet::ring::Existing::replace : ringfleet::ring::Existing::continue_it;
      ringfleet::Publisher<Tick> out(channel, {.existing = existing});
      for (long id = 1; id <= 500; ++id) {
        out.publish({(generation - 1) * 500 + id, 99.5});
      }
      ::raise(SIGKILL);
    }
    ::wait(nullptr);

    // Where this id was before, there it goes on. A newcomer begins at the oldest message that is still there.
    ringfleet::Subscriber<Tick> in(channel, {.id = "ledger", .from = From::oldest});
    const bool resumed = in.is_resumed();
    const long before = seen;
    const auto read = [&](const Tick& tick) {
      misses_nothing = misses_nothing && tick.id == seen + 1;
      seen = tick.id;
    };
    if (generation == 1) {
      in.poll(read, 300); // and away, with 200 still to be read
    } else {
      in.run(read);
    }
    std::printf("%s: ticks %ld to %ld\n", resumed ? "resumed" : "new", before + 1, seen);
  }
  return misses_nothing && seen == 1'000 ? 0 : 1;
}
