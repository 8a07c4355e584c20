#include "tick.hpp"
#include <cstdio>
#include <ringfleet/channel/subscriber.hpp>
int main(int argc, char** argv) {
  ringfleet::Subscriber<Tick> in(argc > 1 ? argv[1] : "ticks", {.wait_for_publisher = std::chrono::seconds(5)});
  in.run([](const Tick& tick) { std::printf("%ld %.1f\n", tick.id, tick.price); });
}
