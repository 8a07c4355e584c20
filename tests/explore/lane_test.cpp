// T13, F4, faults 5 and 7, traps 1, 2, 6 and 14: call lanes under every interleaving within the bounds, store buffers
// included, with the death of the runner at any access, drains and callers that give up.

#include "lane_world.hpp"
#include "walk.hpp"

#include <memory>
#include <string_view>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::explore;

namespace {

void walk(std::string_view name, const LaneShape& shape, const Bounds& bounds, std::uint64_t executions = 30'000) {
  explore::walk(name, bounds, executions, [&] { return std::make_unique<LaneWorld>(shape); });
}
void roam(std::string_view name, const LaneShape& shape, const Bounds& bounds, std::uint64_t executions = 15'000) {
  explore::roam(name, bounds, executions, [&] { return std::make_unique<LaneWorld>(shape); });
}

} // namespace

TEST_CASE("lane, explored: no wake is lost, of caller, runner or who waits for a slot (store buffers)") {
  walk("1 caller", {}, {.preemptions = 2, .deaths = 0, .delays = 1});
  walk("1 caller, 2 calls, 2 slots", {.calls = 2, .slots = 2}, {.preemptions = 2, .deaths = 0, .delays = 1});
  walk("2 callers, 1 slot", {.callers = {Caller::waits, Caller::waits}}, {.preemptions = 1, .deaths = 0, .delays = 1});
  walk("2 callers, 2 workers", {.callers = {Caller::waits, Caller::waits}, .slots = 2, .workers = 2},
       {.preemptions = 1, .deaths = 0, .delays = 1});
  roam("3 callers, 2 calls each, 2 slots, 2 workers",
       {.callers = {Caller::waits, Caller::waits, Caller::waits}, .calls = 2, .slots = 2, .workers = 2},
       {.preemptions = 6, .deaths = 0, .delays = 3});
}

TEST_CASE("lane, explored: the runner dies anywhere; what it started is lost, what it did not moves on, once") {
  walk("1 caller", {.is_runner_mortal = true}, {.preemptions = 2, .deaths = 1});
  walk("1 caller, a delayed store", {.is_runner_mortal = true}, {.preemptions = 1, .deaths = 1, .delays = 1});
  walk("2 callers, 1 slot", {.callers = {Caller::waits, Caller::waits}, .is_runner_mortal = true},
       {.preemptions = 1, .deaths = 1});
  walk("2 callers, 1 slot, a delayed store", {.callers = {Caller::waits, Caller::waits}, .is_runner_mortal = true},
       {.preemptions = 1, .deaths = 1, .delays = 1}, 10'000);
  walk("2 callers, 2 workers",
       {.callers = {Caller::waits, Caller::waits}, .slots = 2, .workers = 2, .is_runner_mortal = true},
       {.preemptions = 1, .deaths = 1});
  walk("collected", {.callers = {Caller::collects, Caller::waits}, .slots = 2, .is_runner_mortal = true},
       {.preemptions = 1, .deaths = 1});
  roam("3 callers of all kinds, 2 workers",
       {.callers = {Caller::collects, Caller::hurries, Caller::cancels},
        .calls = 2,
        .slots = 2,
        .workers = 2,
        .is_runner_mortal = true},
       {.preemptions = 6, .deaths = 1, .delays = 2, .expirations = 1});
}

TEST_CASE("lane, explored: what the runner closed before it came to it was not executed, and nobody sleeps on it") {
  walk("1 caller", {.closes = true}, {.preemptions = 2, .deaths = 0});
  walk("1 caller, a delayed store", {.closes = true}, {.preemptions = 1, .deaths = 0, .delays = 1});
  walk("2 callers, 1 slot", {.callers = {Caller::waits, Caller::waits}, .closes = true},
       {.preemptions = 1, .deaths = 0, .delays = 1});
  walk("a death while it closes", {.is_runner_mortal = true, .closes = true}, {.preemptions = 1, .deaths = 1});
  walk("a death while it closes, a delayed store", {.is_runner_mortal = true, .closes = true},
       {.preemptions = 1, .deaths = 1, .delays = 1}, 10'000);
  roam("3 callers, 2 workers, a death",
       {.callers = {Caller::waits, Caller::collects, Caller::drops},
        .calls = 2,
        .slots = 2,
        .workers = 2,
        .is_runner_mortal = true,
        .closes = true},
       {.preemptions = 6, .deaths = 1, .delays = 2});
}

TEST_CASE("lane, explored: a caller gives up at any moment; its late reply is nobody else's, and its slot comes back") {
  walk("a deadline", {.callers = {Caller::hurries}, .calls = 2}, {.preemptions = 2, .deaths = 0, .expirations = 1});
  walk("a deadline beside a caller", {.callers = {Caller::hurries, Caller::waits}},
       {.preemptions = 1, .deaths = 0, .expirations = 1});
  walk("a deadline, a delayed store", {.callers = {Caller::hurries, Caller::waits}},
       {.preemptions = 1, .deaths = 0, .delays = 1, .expirations = 1});
  walk("cancelled", {.callers = {Caller::cancels, Caller::waits}, .slots = 2}, {.preemptions = 2, .deaths = 0});
  walk("dropped", {.callers = {Caller::drops, Caller::waits}}, {.preemptions = 2, .deaths = 0});
  walk("cancelled, a death", {.callers = {Caller::cancels}, .is_runner_mortal = true}, {.preemptions = 2, .deaths = 1});
}

TEST_CASE("lane, explored: asynchronous calls are moved aside by who needs the slot, once") {
  walk("2 calls, 1 slot", {.callers = {Caller::collects}, .calls = 2}, {.preemptions = 2, .deaths = 0});
  walk("beside a caller", {.callers = {Caller::collects, Caller::waits}}, {.preemptions = 2, .deaths = 0});
  walk("two of them", {.callers = {Caller::collects, Caller::collects}, .calls = 2}, {.preemptions = 1, .deaths = 0});
  walk("a delayed store", {.callers = {Caller::collects, Caller::waits}}, {.preemptions = 1, .deaths = 0, .delays = 1});
}

// Trap 14
TEST_CASE("lane, explored: a reply's block is free again when its caller has released it, and not before") {
  walk("1 block, 2 slots", {.callers = {Caller::waits}, .calls = 2, .slots = 2, .reply_blocks = 1},
       {.preemptions = 2, .deaths = 0});
  walk("1 block, 2 callers", {.callers = {Caller::waits, Caller::waits}, .slots = 2, .reply_blocks = 1},
       {.preemptions = 1, .deaths = 0, .delays = 1});
  walk("big requests, given up", {.callers = {Caller::hurries, Caller::waits}, .slots = 2, .has_big_requests = true},
       {.preemptions = 1, .deaths = 0, .expirations = 1});
  walk("2 blocks, a death",
       {.callers = {Caller::waits, Caller::collects}, .slots = 2, .is_runner_mortal = true, .reply_blocks = 2},
       {.preemptions = 1, .deaths = 1});
}

TEST_CASE("lane, explored: all of that on a machine that reorders stores and loads, as far as the orders let it") {
  const auto walk_reordered = [](const char* name, const LaneShape& shape, unsigned deaths = 0) {
    explore::walk_reordered(name, {.preemptions = 1, .deaths = deaths}, 20'000,
                            [&] { return std::make_unique<LaneWorld>(shape); });
  };
  walk_reordered("1 caller, 2 calls", {.calls = 2});
  walk_reordered("2 callers, 1 slot", {.callers = {Caller::waits, Caller::waits}});
  walk_reordered("collected", {.callers = {Caller::collects, Caller::waits}});
  walk_reordered("closed", {.closes = true});
  walk_reordered("a death", {.is_runner_mortal = true}, 1);
  walk_reordered("1 block, 2 slots", {.calls = 2, .slots = 2, .reply_blocks = 1});
}
