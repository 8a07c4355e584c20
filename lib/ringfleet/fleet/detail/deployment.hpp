#pragma once

// A change of what serves a module, from request to certificate. A reload and an unload are the same sequence; an
// unload has no candidates:
//
//   starting ──► connecting ──► leaving ──► draining ──► done
//   candidates   clients get    route has   old runners  old runners
//   load, init,  their lanes    flipped;    close and    are gone
//   probe                       clients     finish
//      └──── failure: old untouched         leave
//
// Data only; the supervisor takes the steps.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/fleet/artifact.hpp"
#include "ringfleet/fleet/status.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace ringfleet::fleet {

enum class DeployPhase : std::uint8_t { starting, connecting, leaving, draining };

struct Deployment {
  using Done = std::function<void(const DeployReport&, const std::optional<Error>&)>;

  DeployPhase phase = DeployPhase::starting;
  bool removing = false; // an unload
  std::shared_ptr<const Artifact> artifact;
  std::vector<std::uint64_t> candidates; // serials, one per instance
  std::set<std::uint64_t> ready;         // of them
  std::set<std::uint64_t> old;           // being drained
  std::uint64_t epoch = 0;               // of the flip
  Nanoseconds drain_timeout{};
  MonotonicNs began_at = 0;
  MonotonicNs flipped_at = 0;
  MonotonicNs recheck_at = never; // `connecting`: give up waiting for slow clients; `leaving`: look again
  MonotonicNs leave_deadline = never;
  DeployReport report;
  Done done;
};

} // namespace ringfleet::fleet
