// Messages a second from one producer through three readers, each of which sees every message after the one before it.
//
//   producer --[slots, cursor]--> reader 1 --[gate]--> reader 2 --[gate]--> reader 3: check, release
//
// Nothing is copied: all read the same slots, and the producer waits for the last. Rows and counts:
// broadcast/broadcast.cpp.

#include "broadcast/broadcast.hpp"

int main(int argc, char** argv) {
  return ringfleet::bench::run_followers("pipeline_3", {{}, {0}, {1}}, argc, argv);
}
