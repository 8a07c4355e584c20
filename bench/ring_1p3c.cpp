// Messages a second from one producer to 3 readers, each of which sees every message.
//
//                                      +--> reader 1: check, release
//   producer --[slots, one cursor]-----+--> …
//      waits for the slowest <--[gates]+--> reader 3
//
// Rows and counts: broadcast/broadcast.cpp.

#include "broadcast/broadcast.hpp"

int main(int argc, char** argv) {
  return ringfleet::bench::run_broadcast("ring_1p3c", 3, argc, argv);
}
