// Messages a second from one producer through two readers side by side to a third that sees what both have released.
//
//                               +--> reader 1 --[gate]--+
//   producer --[slots, cursor]--+                       +--> reader 3: check, release
//                               +--> reader 2 --[gate]--+
//
// Nothing is copied: all read the same slots, and the producer waits for the last. Rows and counts:
// broadcast/broadcast.cpp.

#include "broadcast/broadcast.hpp"

int main(int argc, char** argv) {
  return ringfleet::bench::run_followers("diamond_3", {{}, {}, {0, 1}}, argc, argv);
}
