#pragma once

// Tells what was going on when a test program gets stuck or faults: code that runs on the memory a dead process has
// left must do neither, and when it does, the name of the scenario is what one needs to know.

#include <cstdint>
#include <string_view>

namespace ringfleet::kill {

// Once. From here on a fault, or a minute without a call of now_doing(), ends the program with a failure that names
// what it was doing. A shorter time is for whoever knows that it gets stuck.
void begin_watch(unsigned seconds = 60);

// The text is copied when something goes wrong, so it must stay until the next call.
void now_doing(std::string_view what, std::uint64_t instruction) noexcept;

} // namespace ringfleet::kill
