#include "tick.hpp"
#include <ringfleet/channel/publisher.hpp>
int main(int argc, char** argv) {
  ringfleet::Publisher<Tick> out(argc > 1 ? argv[1] : "ticks",
                                 {.coordination = ringfleet::channel::Coordination::wait_for_readers(1)});
  for (long id = 1; id <= 1'000; ++id)
    out.publish({id, 99.5});
}
