#pragma once

// A writer that strikes between any two instructions of a reader. It is a signal handler: with the trap flag set, the
// processor interrupts this thread after every instruction that it executes, and whoever is called then may change any
// memory before the next one. No second process, and nothing left to chance.

#include <cstdint>
#include <functional>

namespace ringfleet::kill {

// Is this processor one whose trap flag we know?
[[nodiscard]] bool may_intrude();

// Runs `read`. After its n-th instruction, counted from 1, intrude(n) is called, until it answers false; from there on
// `read` runs undisturbed. Answers how many instructions were interrupted. One thread of the process; not nested.
std::uint64_t intrude_upon(const std::function<void()>& read, const std::function<bool(std::uint64_t)>& intrude);

} // namespace ringfleet::kill
