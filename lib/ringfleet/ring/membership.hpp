#pragma once

// One line of a ring's member table, held by this process: whoever reads joins with it. Taking the line says who is
// there; the gate is taken afterwards by the reader that uses the line.
//
//   Membership mine = Membership::join(space, {.id = "risk"}, deadline);
//   auto reader = Reader<Tick>::join(space.memory<Tick>(), mine.line(), mine.resume_from() …);

#include "ringfleet/base/clock.hpp"
#include "ringfleet/ring/member_word.hpp"
#include "ringfleet/ring/ring_space.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringfleet::ring {

// What is wrong with an id; null: nothing. It has at most 47 bytes, and no zero byte.
[[nodiscard]] const char* fault_of_id(std::string_view id) noexcept;

struct MemberRequest {
  std::string id = {}; // stable: the same after a restart. Empty: a stranger, whose position nobody keeps
  MemberRole role = MemberRole::reliable;
};

// One thread at a time. When this process dies, whoever owns the ring takes the line back and keeps id and position.
class Membership {
public:
  // Takes a line: the one that was kept for this id, else a free one, else one whose grace is over. A member that is
  // found dead only now has its grace from now on. Blocks only while a living process is in the middle of such a step
  // itself. Throws Error:
  //   invalid_argument  the id is too long or holds a zero byte; the role is not one of the ring's
  //   already_exists    a living member has this id: the text names its pid
  //   limit_reached     all lines are held by living members, or for dead ones within their grace
  //   timed_out         the process that the text names stands in the way; is it stopped?
  //   wrong_state       another PID namespace; a forked child
  [[nodiscard]] static Membership join(const RingSpace& space, const MemberRequest& request, MonotonicNs deadline);

  Membership(Membership&& other) noexcept;
  Membership& operator=(Membership&& other) noexcept;
  // As leave(). In a forked child nothing happens.
  ~Membership();

  [[nodiscard]] std::uint32_t line() const noexcept { return line_; }
  [[nodiscard]] std::uint32_t incarnation() const noexcept { return word_.incarnation; }
  // Where the same id was when it left or died; empty for a newcomer. Join at this sequence: what was overwritten
  // meanwhile is told there.
  [[nodiscard]] std::optional<std::uint64_t> resume_from() const noexcept { return resume_from_; }
  [[nodiscard]] bool is_resumed() const noexcept { return is_resumed_; }

  // Before its reader leaves: a death between that and leave_and_keep() does not lose the position.
  void remember(std::uint64_t position) noexcept;
  // For good: the line is free for anybody. After the reader has left its gate. More than once is fine.
  void leave() noexcept;
  // Goes, and means to come back: id and position are kept at least until then. `position`: the first that is not read.
  void leave_and_keep(std::uint64_t position, MonotonicNs kept_until) noexcept;

private:
  Membership(RingSpace space, std::uint32_t line, const MemberWord& word) noexcept;
  void give_back(bool keep, MonotonicNs kept_until) noexcept;

  RingSpace space_;
  std::uint32_t line_ = 0;
  MemberWord word_ = {};
  std::optional<std::uint64_t> resume_from_;
  bool is_resumed_ = false;
  bool holds_ = true;
};

} // namespace ringfleet::ring
