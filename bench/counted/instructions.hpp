#pragma once

// Instructions that a piece of code executes in user mode: what can be told about a topology that has more sides than
// this machine has cores, and what does not change from minute to minute.

#include <cstdint>
#include <functional>

namespace ringfleet::bench {

// By the processor's counter where perf_event_open permits it, otherwise by executing `body` step by step in a traced
// child, which takes microseconds for each instruction. `body` runs once, perhaps in a child, and waits for nobody.
// Throws Error when neither is possible.
[[nodiscard]] std::uint64_t count_instructions(const std::function<void()>& body);

} // namespace ringfleet::bench
