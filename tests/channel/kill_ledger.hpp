#pragma once

// The ledger of a channel whose publishers and readers are killed: what each says of itself in memory that all have,
// what stands in each message, and what a reader may and may not get.

#include "ringfleet/base/atomics.hpp"
#include "ringfleet/frame/view.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <utility>

namespace ringfleet::channel::test {

inline constexpr unsigned readers_total = 2;

// A publisher's account of itself. It numbers its messages from 1; a number is used once, published or not.
struct alignas(128) Publishing {
  std::uint64_t tried = 0;
  std::uint64_t sure = 0;       // the last number of which publish() said so
  std::uint64_t sure_plain = 0; // the last of these that was in one record
  std::uint64_t is_done = 0;
};
// A reader's, for each publisher: the last number that it is through with for sure, and the last that it has seen.
struct alignas(128) Reading {
  std::array<std::uint64_t, 2> released{};
  std::array<std::uint64_t, 2> seen{};
  std::array<std::uint64_t, 2> may_lack{}; // it was told that it missed something, in this life or an earlier one
  std::uint64_t messages = 0;
  std::uint64_t again = 0;
  std::uint64_t reassembled = 0;
  std::uint64_t loans = 0;
  std::uint64_t is_joining = 0;
  char wrong[256] = {};
};
struct Ledger {
  std::array<Publishing, 2> publishers;
  std::array<Reading, readers_total> readers;
  std::uint64_t is_ending = 0;
};

// What stands at the beginning of a message; the rest follows from it.
struct Head {
  std::uint64_t publisher;
  std::uint64_t number;
  std::uint64_t sure; // what was surely published before
  std::uint64_t sure_plain;
  std::uint64_t bytes;
};

inline std::byte filling(const Head& head, std::uint64_t at) {
  return static_cast<std::byte>(head.number * 31 + head.publisher * 7 + at);
}
inline void fill(std::span<std::byte> out, const Head& head) {
  std::memcpy(out.data(), &head, sizeof head);
  for (std::uint64_t at = sizeof head; at < out.size(); ++at) {
    out[at] = filling(head, at);
  }
}
inline bool is_whole(std::span<const std::byte> bytes, const Head& head) {
  bool whole = bytes.size() == head.bytes;
  for (std::uint64_t at = sizeof head; whole && at < bytes.size(); ++at) {
    whole = bytes[at] == filling(head, at);
  }
  return whole;
}

// What one life of a reader gets, against its account and what the publishers say.
class ReaderLedger {
public:
  ReaderLedger(Reading& account, bool is_resumed) : mine_(account), last_(account.released) {
    if (!is_resumed) {
      lack_anything();
    }
  }

  // `missed`: what the subscriber says by now. Who is told that it missed something does not know of whom.
  void hear(std::uint64_t missed) {
    if (missed != std::exchange(missed_, missed)) {
      lack_anything();
    }
  }
  void take(const frame::View& view, std::uint64_t missed) {
    Head head{};
    if (view.bytes.size() < sizeof head) {
      return complain("is no message");
    }
    std::memcpy(&head, view.bytes.data(), sizeof head);
    if (head.publisher > 1 || !is_whole(view.bytes, head)) {
      return complain("is torn");
    }
    hear(missed);
    auto& last = last_[head.publisher];
    auto& seen = mine_.seen[head.publisher];
    if (head.number <= last) {
      return complain("comes again");
    }
    // A new life begins where the old one was through, or behind what it had in hand: both are right. The old one may
    // also have been told that it missed what was lent or in fragments, and have died with that.
    const bool is_first = !std::exchange(has_begun_[head.publisher], true);
    const bool is_complete = is_first ? head.sure_plain <= std::max(last, seen) : head.sure <= last;
    if (!is_complete && mine_.may_lack[head.publisher] == 0) {
      return complain("comes although one before it has not come", head, last, is_first);
    }
    mine_.again += head.number <= seen;
    last = head.number;
    Atomics::store_release(mine_.may_lack[head.publisher], std::uint64_t{0});
    Atomics::store_release(seen, std::max(seen, head.number));
  }
  void release() {
    for (unsigned publisher = 0; publisher < last_.size(); ++publisher) {
      Atomics::store_release(mine_.released[publisher], last_[publisher]);
    }
  }

private:
  void lack_anything() {
    for (auto& may_lack : mine_.may_lack) {
      Atomics::store_release(may_lack, std::uint64_t{1});
    }
  }
  void complain(const char* what) {
    if (mine_.wrong[0] == 0) {
      std::strncpy(mine_.wrong, what, sizeof mine_.wrong - 1);
    }
  }
  void complain(const char* what, const Head& head, std::uint64_t last, bool is_first) {
    std::array<char, sizeof mine_.wrong> text{};
    (void)std::snprintf(text.data(), text.size(),
                        "%s: %llu behind %llu, %s of this life; seen before: %llu, sure: %llu, in one record: %llu",
                        what, static_cast<unsigned long long>(head.number), static_cast<unsigned long long>(last),
                        is_first ? "the first" : "not the first",
                        static_cast<unsigned long long>(mine_.seen[head.publisher]),
                        static_cast<unsigned long long>(head.sure), static_cast<unsigned long long>(head.sure_plain));
    complain(text.data());
  }

  Reading& mine_;
  std::array<std::uint64_t, 2> last_;
  std::array<bool, 2> has_begun_{};
  std::uint64_t missed_ = 0;
};

} // namespace ringfleet::channel::test
