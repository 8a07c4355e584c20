#include "tick.hpp"
#include <ringfleet/channel/publisher.hpp>
int main(int argc, char** argv) {
  const auto readers = ringfleet::channel::Coordination::wait_for_readers(argc > 2 ? unsigned(std::stoul(argv[2])) : 1);
  ringfleet::Publisher<Tick> out(argc > 1 ? argv[1] : "ticks", {.coordination = readers});
  for (long id = 1; id <= 1'000; ++id)
    out.publish({id, 99.5});
}
