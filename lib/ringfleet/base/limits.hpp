#pragma once

// Every limit of ringfleet, in one place, each with its reason. Relations between them are asserted below.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace ringfleet::limits {

using namespace std::chrono_literals;

// futex_waitv takes 128 words; two are the obituary and the control word of the waiting process.
inline constexpr std::uint32_t futex_words_max = 128;
inline constexpr std::uint32_t lanes_per_runner_max = futex_words_max - 2;

// A lane: depth is a power of two so that a position maps to a slot by a mask.
inline constexpr std::uint32_t lane_slots_min = 1;
inline constexpr std::uint32_t lane_slots_max = 65'536;
inline constexpr std::uint32_t lane_slots_default = 256;
inline constexpr std::uint32_t slot_bytes_min = 64;
inline constexpr std::uint32_t slot_bytes_max = 65'536; // more than this belongs in the arena
inline constexpr std::uint32_t slot_bytes_default = 1'024;
inline constexpr std::uint32_t workers_max = 16;

// Payloads beyond a slot travel through an arena segment that comes into being on first use and doubles on demand.
inline constexpr std::uint64_t payload_bytes_max = 64ULL << 20;
inline constexpr std::uint64_t arena_bytes_first = 256ULL << 10;
inline constexpr std::uint64_t arena_bytes_max = 256ULL << 20; // one arena segment
inline constexpr std::uint32_t arenas_per_side_max = 16;

// Frames: what a writer or a reader takes unless told otherwise. A reader that takes fragments holds a buffer of this
// size; its pages cost nothing until they are used.
inline constexpr std::uint64_t message_bytes_max_default = 64ULL << 20;
inline constexpr std::uint64_t message_bytes_max = 1ULL << 40; // as long as a ring; more hides a mistake
// Messages in fragments that a reader puts together at the same time, and views that it may hold.
inline constexpr std::uint32_t assemblies_max = 64;
inline constexpr std::uint32_t held_views_default = 64;
inline constexpr std::uint64_t arena_bytes_per_side_max = 1ULL << 30;

// ABI level 1 hands the module an output of this size, zeroed, in front of a guard page.
inline constexpr std::uint32_t abi1_output_bytes = 4'096;

// Nested calls: the chain of modules a request has passed through travels in its slot.
inline constexpr std::uint32_t call_depth_max = 5;

// Fleet. A module's number travels in 16 bits (0 is "no module").
inline constexpr std::uint32_t modules_max = 1'000;
inline constexpr std::uint32_t instances_max = 256;
inline constexpr std::uint32_t runners_max = 1'024;
inline constexpr std::uint32_t clients_max = 256;
inline constexpr std::uint32_t methods_max = 1'024;
inline constexpr std::size_t client_versions_max = 1'024; // names that a client keeps; a module may invent them
inline constexpr std::size_t name_bytes_max =
    63; // fleet, module and method names; also fits a sun_path below a runtime directory
// A ring. A parked producer waits for the bells of its readers, its obituary and its stop word at once.
inline constexpr std::uint32_t ring_members_max = futex_words_max - 2;
inline constexpr std::uint32_t ring_unit_bytes_max = 1U << 20; // more than this belongs in the arena
inline constexpr std::uint64_t ring_capacity_max = 1ULL << 32;
inline constexpr std::uint64_t ring_bytes_max = 1ULL << 40;           // one segment
inline constexpr std::uint64_t ring_arena_bytes_max = 1ULL << 38;     // all arenas of one ring
inline constexpr std::uint32_t ring_arenas_max = arenas_per_side_max; // where many produce: one for each that lends
inline constexpr auto ring_create_timeout = 5s; // for another producer of one ring that is making it
inline constexpr auto member_grace = 1s;        // how long the place of a dead reader is kept unless its owner says

// Rings that are found by name. With prefix, part and the number of an unfinished file it stays below the shortest
// longest file name that a file system of Linux has (eCryptfs: 143).
inline constexpr std::size_t segment_name_bytes_max = 96;
inline constexpr std::uint64_t artifact_bytes_max = 1ULL << 30;
inline constexpr std::size_t topology_bytes_max = 1UL << 20;
inline constexpr std::size_t config_bytes_max = 64UL << 10; // a module's configuration travels in one control message
// What a topology may allow a runner: no less than it needs for itself (its worker's stack is 8 MiB), no more than is
// meant as a limit.
inline constexpr std::uint64_t memory_limit_min = 32ULL << 20;
inline constexpr std::uint64_t memory_limit_max = 1ULL << 40;
inline constexpr std::uint32_t descriptor_limit_min = 32;
inline constexpr std::uint32_t descriptor_limit_max = 1U << 20;
inline constexpr auto timeout_min = 1ms;
inline constexpr auto timeout_max = 24h; // that a topology may ask for; longer ones hide a mistake
inline constexpr std::size_t control_message_bytes_max = 128UL << 10;
inline constexpr std::size_t control_descriptors_max = 8;

// Threads of one client that may be inside the route at the same moment, each on its own line.
inline constexpr std::uint32_t epoch_lines = 64;

// Counters of one process.
inline constexpr std::uint32_t counters_max = 256;
inline constexpr std::size_t counter_label_bytes = 48;

// Supervision defaults (the topology may override those that are keys there).
inline constexpr auto start_timeout = 10s;
inline constexpr auto call_timeout = 5s;
inline constexpr auto drain_timeout = 30s;
inline constexpr auto stop_timeout = 5s;        // orderly shutdown, then SIGTERM, then SIGKILL
inline constexpr auto hung_after_deadline = 1s; // a started call this long past its deadline gets its runner killed
inline constexpr auto hung_without_deadline = 60s;
inline constexpr auto restart_backoff_first = 100ms;
inline constexpr auto restart_backoff_max = 30s;
inline constexpr auto restart_backoff_reset = 60s; // of Ready
inline constexpr std::uint32_t crash_loop_deaths = 5;
inline constexpr auto crash_loop_window = 30s;
inline constexpr auto epoch_grace =
    1s; // a client that stays inside an old route longer is not waited for: `closed` makes it correct

static_assert((lane_slots_max & (lane_slots_max - 1)) == 0);
static_assert(arena_bytes_max >= payload_bytes_max, "one block of the largest payload must fit one arena");
static_assert(arena_bytes_per_side_max >= arena_bytes_max);
static_assert(modules_max < 65'536, "a module number travels in 16 bits");
static_assert(lanes_per_runner_max == 126);
static_assert(config_bytes_max < control_message_bytes_max, "the load message says more than the configuration");

} // namespace ringfleet::limits
