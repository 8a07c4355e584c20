#include "ringfleet/channel/detail/following.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/futex.hpp"
#include "ringfleet/ring/followed.hpp"
#include "ringfleet/ring/members.hpp"
#include "ringfleet/ring/parking.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ringfleet::channel::detail {
namespace {

constexpr Nanoseconds look_every = std::chrono::milliseconds(100); // a place that is given back is no join

[[nodiscard]] bool can_be_followed(const ring::Member& member) {
  const bool is_known = member.state == ring::MemberState::joined || member.state == ring::MemberState::kept;
  return is_known && member.role == ring::MemberRole::reliable && !member.id.empty();
}

[[nodiscard]] Error nobody_there(const ring::RingSpace& space, std::string_view missing,
                                 const std::vector<ring::Member>& members) {
  std::vector<std::string_view> there;
  for (const auto& member : members) {
    if (can_be_followed(member)) {
      there.emplace_back(member.id);
    }
  }
  std::ranges::sort(there);
  const auto who = there.empty() ? std::string("no reader with an id is there")
                                 : fmt::format("there is '{}'", fmt::join(there, "', '"));
  return Error(ErrorCode::not_found,
               fmt::format("subscribe to {}: it follows '{}', but no reliable reader has that id; {}",
                           space.place().text(), missing, who),
               "start that reader first, or let this one wait (wait_for_publisher)");
}

// Looks at who follows whom, as they show it, from one line after the other.
class CircleSearch {
public:
  CircleSearch(std::span<const ring::ReaderLines> readers, std::uint32_t own) : readers_(readers), own_(own) {}

  [[nodiscard]] bool leads_back_from(std::uint32_t line) {
    if (line == own_) {
      return true;
    }
    if (seen_[line] || !ring::is_gating(readers_[line].gate.observe())) {
      return false;
    }
    seen_[line] = true;
    for (std::uint32_t next = 0; next < readers_.size(); ++next) {
      if (ring::Followed<>::is_shown(readers_[line], next) && leads_back_from(next)) {
        return true;
      }
    }
    return false;
  }

private:
  std::span<const ring::ReaderLines> readers_;
  std::uint32_t own_;
  std::vector<bool> seen_ = std::vector<bool>(readers_.size());
};

} // namespace

std::vector<std::uint32_t> lines_to_follow(const ring::RingSpace& space, const std::vector<std::string>& ids,
                                           MonotonicNs deadline) {
  const auto table = space.members();
  for (;;) {
    const auto joins = static_cast<std::uint32_t>(table.joins->observe());
    const auto members = ring::list_members(table);
    std::vector<std::uint32_t> lines;
    std::string_view missing;
    for (const auto& id : ids) {
      const auto found = std::ranges::find_if(
          members, [&](const ring::Member& member) { return can_be_followed(member) && member.id == id; });
      if (found == members.end()) {
        missing = id;
        break;
      }
      lines.push_back(found->line);
    }
    if (lines.size() == ids.size()) {
      return lines;
    }
    const auto now = monotonic_now();
    if (now >= deadline) {
      throw nobody_there(space, missing, members);
    }
    (void)os::futex_wait(ring::futex_half(table.joins->value), joins,
                         std::min(deadline, deadline_after(now, look_every)),
                         space.place().backing() != memory::Backing::heap);
  }
}

void refuse_circle(const ring::RingSpace& space, std::uint32_t own, std::span<const std::uint32_t> followed) {
  const auto members = space.members();
  CircleSearch search(members.readers, own);
  for (const auto line : followed) {
    if (search.leads_back_from(line)) {
      const auto all = ring::list_members(members);
      const auto of_line = std::ranges::find(all, line, &ring::Member::line);
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("subscribe to {}: it follows '{}', which follows this reader in turn: both would wait "
                              "for ever",
                              space.place().text(), of_line != all.end() ? of_line->id : std::string()),
                  "leave one of the two out of `follows`");
    }
  }
}

} // namespace ringfleet::channel::detail
