#pragma once

// Makes lanes between runners and clients, and takes them down. The scheduler creates and allocates every segment, lets
// its one writer map it, then seals it, and only then hands it to the reader:
//
//   offered ──(runner mapped, client mapped)──► sealed, opened at the runner ──(runner ready)──► opened at the client
//   ──► established
//
// A client or runner that dies on the way takes its lanes with it. Loop thread only.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/call/control_message.hpp"
#include "ringfleet/fleet/detail/client_link.hpp"
#include "ringfleet/fleet/detail/runner.hpp"
#include "ringfleet/memory/segment.hpp"
#include "ringfleet/policy/hang.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace ringfleet::fleet {

class LaneBroker {
public:
  // `on_established` runs each time a lane came into use, and each time one that was under way is gone.
  explicit LaneBroker(std::function<void()> on_change) : on_change_(std::move(on_change)) {}

  // Begins a lane; throws Error (limit_reached, no_memory, no_descriptors) and leaves nothing behind when it cannot be
  // created.
  void connect(Runner& runner, ClientLink& client, const call::LaneShape& shape, bool spin);

  [[nodiscard]] bool connected(const Runner& runner, const ClientLink& client) const;
  // Lanes of `runner` that are not established yet.
  [[nodiscard]] bool pending(const Runner& runner) const;
  [[nodiscard]] std::uint64_t lanes_of(const Runner& runner) const;

  // Messages of a runner, and of a client by whatever road they came. Unknown lanes are ignored: they died meanwhile.
  void runner_mapped(Runner& runner, std::uint64_t lane);
  void runner_ready(Runner& runner, std::uint64_t lane);
  void client_mapped(ClientLink& client, std::uint64_t lane);
  void client_ready(ClientLink& client, std::uint64_t lane);

  // Growth of an arena: a new segment for the side that asked. A refusal (limits, memory) is silent: the asker's wait
  // is bounded.
  void arena_wanted_by_runner(Runner& runner, std::uint64_t lane, std::uint64_t bytes);
  void arena_wanted_by_client(ClientLink& client, std::uint64_t lane, std::uint64_t bytes);
  void arena_mapped_by_runner(Runner& runner, std::uint64_t lane, std::uint32_t number);
  void arena_ready_at_runner(Runner& runner, std::uint64_t lane, std::uint32_t number);
  void arena_mapped_by_client(ClientLink& client, std::uint64_t lane, std::uint32_t number);
  void arena_ready_at_client(ClientLink& client, std::uint64_t lane, std::uint32_t number);
  // They could not take it. `own`: it is the one that they were to write. Ignored once the arena is usable.
  void arena_refused_by_runner(const Runner& runner, std::uint64_t lane, std::uint32_t number, bool own);
  void arena_refused_by_client(const ClientLink& client, std::uint64_t lane, std::uint32_t number, bool own);

  // The runner has closed all its lanes (drained).
  void runner_closed(Runner& runner);
  // The runner is dead and reaped: every client hears it, its lanes are gone.
  void runner_gone(Runner& runner, std::string_view cause);
  // The client is gone: runners let go of its lanes, and are watched until they have: what it had started goes on.
  void client_gone(ClientLink& client);
  // The runner has let go of a lane, as told or because it could not take it.
  void runner_dropped(const Runner& runner, std::uint64_t lane);
  // A client could not take a lane that was offered or opened to it.
  void client_refused(ClientLink& client, std::uint64_t lane);

  // Looks at what every worker is executing; returns the serials of runners whose call is hung.
  [[nodiscard]] std::vector<std::uint64_t> find_hung(const policy::OwnTime& own);

private:
  struct Arena {
    std::uint32_t number = 0;
    std::uint64_t bytes = 0;
    bool of_client = false;
    bool is_usable = false;    // its writer was told so: nobody can refuse it any more
    os::Descriptor descriptor; // until it was handed over
  };
  struct Lane {
    LaneOffer offer;
    Runner* runner = nullptr;
    ClientLink* client = nullptr;
    os::Descriptor requests;
    os::Descriptor replies;
    bool runner_mapped = false;
    bool client_mapped = false;
    bool opened_at_runner = false;
    bool established = false;
    std::optional<memory::Segment> watched; // the reply segment, read-only: progress
    std::vector<policy::HangWatch> workers;
    std::vector<Arena> arenas;
    std::uint32_t client_arenas = 0;
    std::uint32_t runner_arenas = 0;
  };

  // A lane without client, until its runner has let go of it.
  struct LeftLane {
    std::uint64_t lane = 0;
    const Runner* runner = nullptr;
    std::uint64_t serial = 0;
    memory::Segment watched;
    std::vector<policy::HangWatch> workers;
  };

  Lane* find(std::uint64_t lane);
  void open_if_sealed(Lane& lane);
  template <typename Step>
  void step(Lane& lane, Step&& take);
  void undo_arena(Lane& lane, bool of_client, std::uint32_t number);
  [[nodiscard]] static bool is_arena_under_way(const Lane& lane, bool of_client);
  Arena* begin_arena(Lane& lane, bool of_client, std::uint64_t bytes);
  Arena* find_arena(Lane& lane, bool of_client, std::uint32_t number);
  [[nodiscard]] static bool make_usable(Lane& lane, bool of_client, std::uint32_t number);

  std::function<void()> on_change_;
  std::map<std::uint64_t, Lane> lanes_;
  std::vector<LeftLane> left_;
  std::uint64_t next_lane_ = 1;
};

} // namespace ringfleet::fleet
