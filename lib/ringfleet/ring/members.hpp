#pragma once

// The owner's view of its ring's members: who has joined, who has died. A dead reader stops gating as soon as the
// kernel says that it is dead, whether or not the ring is full; its id and position are kept for a grace.
//
// The kernel tells of a death through a pidfd, and a pidfd must be open before. So the owner looks for newcomers with
// scan(): it costs one load when nobody has joined. Call it before every wait, and keep waits bounded: a member that
// joins and dies while the owner sleeps is noticed at the next scan.
//
// A reader that follows others has one as well. Where many produce, each has one of these: it also watches the other
// producers, and finishes what a dead one has left. There it is time for a scan also when
// SharedSequencer::owner_joins() has grown: a claim behind that of a producer nobody watches would not be read if that
// one died.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/memory/watcher.hpp"
#include "ringfleet/ring/member_layout.hpp"
#include "ringfleet/ring/ring_space.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ringfleet::ring {

struct Member {
  std::uint32_t line = 0;
  std::uint32_t incarnation = 0;
  MemberState state = MemberState::free;
  MemberRole role = MemberRole::reliable;
  std::string id;
  std::uint32_t pid = 0;
  std::uint64_t position = 0;     // gate of a reader, or where it was; no_reader: none
  std::uint64_t joined_at_ns = 0; // monotonic
};

// The lines that are not free, each a consistent copy; one that changes at this moment may be missing. Any process that
// has the table mapped.
[[nodiscard]] std::vector<Member> list_members(const MemberTable& table);

// Any thread.
class Members {
public:
  // `space` must be the owner's and, like `watcher`, outlive this object. `grace`: for how long the line of a dead
  // member with an id is given to nobody else, whoever finds it dead. Said to all; of many owners the last one's
  // counts.
  Members(const RingSpace& space, memory::Watcher& watcher, Nanoseconds grace);
  // For a reader that follows others and does not want to depend on when the owner looks next: it watches the readers
  // and clears the dead ones just so, with the owner's grace. Producers it does not watch.
  Members(const RingSpace& space, memory::Watcher& watcher);
  // Stops watching. Not from a callback of the watcher.
  ~Members();
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  // Watches whoever has joined since the last call; a newcomer that is dead already is cleared at once. One load when
  // there is none. Throws Error(no_descriptors): try again later, nothing is lost.
  void scan();

  // Claims of dead producers that were finished in their place.
  [[nodiscard]] std::uint64_t repaired_claims() const;

  // Members whose death was proven since the last call, as they were.
  [[nodiscard]] std::vector<Member> take_obituaries();

  [[nodiscard]] std::vector<Member> list() const { return list_members(space_.members()); }
  // Joined and not known to be dead, of any role but producer.
  [[nodiscard]] std::uint32_t count_readers() const;
  // Changes when somebody joins; its low half may be slept on with futex_wait. Look at list() after reading it.
  [[nodiscard]] const std::uint64_t& joins_word() const noexcept;

private:
  struct State;
  const RingSpace& space_;
  std::unique_ptr<State> state_;
};

} // namespace ringfleet::ring
