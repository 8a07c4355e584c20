#pragma once

// What the tick examples publish.

#include <ringfleet/codec/raw.hpp>

struct Tick {
  long id;
  double price;
};
