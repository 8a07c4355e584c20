// A diamond: a journal and a replica read the same ticks, each in its process; a third one acts on a tick when both
// have done with it, and not before. usage: followers [CHANNEL]

#include "tick.hpp"
#include <ringfleet/channel/publisher.hpp>
#include <ringfleet/channel/subscriber.hpp>

#include <atomic>
#include <cstdio>
#include <string>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ringfleet::channel;

constexpr long ticks = 10'000;

// Reads to the end; false when `work` was wrong about one of the ticks.
bool read_all(ringfleet::Subscriber<Tick>& in, auto&& work) {
  long right = 0;
  const WaitResult end = in.run([&](const Tick& tick) { right += work(tick) ? 1 : 0; });
  return end == WaitResult::detached && right == ticks;
}

int main(int argc, char** argv) {
  const std::string channel = argc > 1 ? argv[1] : "followers";
  const auto patience = std::chrono::seconds(30);
  void* const memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* const done = static_cast<std::atomic<long>*>(memory); // the last tick of the journal, and of the replica

  for (int which = 0; which < 2; ++which) {
    if (::fork() == 0) {
      ringfleet::Subscriber<Tick> in(channel,
                                     {.id = which == 0 ? "journal" : "replica", .wait_for_publisher = patience});
      return read_all(in, [&](const Tick& tick) { return done[which].exchange(tick.id) == tick.id - 1; }) ? 0 : 1;
    }
  }
  if (::fork() == 0) {
    ringfleet::Subscriber<Tick> act(channel, {.follows = {"journal", "replica"}, .wait_for_publisher = patience});
    const bool is_last = read_all(act, [&](const Tick& tick) { return done[0] >= tick.id && done[1] >= tick.id; });
    std::printf(is_last ? "%ld ticks, each after the journal and the replica\n" : "not %ld\n", ticks);
    return is_last ? 0 : 1;
  }
  {
    ringfleet::Publisher<Tick> out(channel, {.coordination = Coordination::wait_for_readers(3, patience)});
    for (long id = 1; id <= ticks; ++id) {
      if (out.publish({id, 0.25 * static_cast<double>(id)}) != PublishResult::published) {
        return 1;
      }
    }
  }
  int failed = 0;
  for (int status = 0; ::wait(&status) > 0;) {
    failed += status == 0 ? 0 : 1;
  }
  return failed;
}
