#pragma once

// A ring that is a family of files: what was there, what one process does to it and may die in, and how those who come
// after that judge what is left.

#include "file_images.hpp"
#include "ring_case.hpp"
#include "ring_kinds.hpp"
#include "ringfleet/ring/member_protocol.hpp"
#include "ringfleet/ring/membership.hpp"
#include "ringfleet/ring/shared_lenders.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/wait.h>

namespace ringfleet::kill {

template <class Kind>
class LifeOfARing {
public:
  LifeOfARing(const Case& what, const WatchedDirectory& files, const memory::Place& place)
      : case_(what), files_(files), place_(place) {}

  // A reader with a place to come back to, and messages that it has not read; where many produce, one of them has died.
  void prepare() {
    if (case_.deed == Deed::make) {
      return;
    }
    auto owner = ring::RingSpace::create(spec());
    birth_ = owner.facts().birth;
    const auto unread = unread_positions();
    kept_ = case_.state.next - unread;
    ring::format_ring(Kind::memory(owner), kept_ - 1); // nobody has joined
    {
      auto producer = Kind::producer(owner);
      auto member = ring::Membership::join(owner, {.id = "risk"}, never);
      auto reader = *Kind::Reader::join(Kind::memory(owner), member.line(), {}, between_processes);
      (void)push<Kind>(producer);
      (void)read_all<Kind>(reader);
      reader.leave();
      member.leave_and_keep(kept_, never);
      for (auto position = kept_; position != case_.state.next; ++position) {
        if (position == dead_position()) {
          leave_a_dead_claim();
        } else {
          (void)push<Kind>(producer);
          published_.push_back(position);
        }
      }
    }
    if (owner_lives()) {
      owner_.emplace(std::move(owner));
    }
  }
  void operate() {
    switch (case_.deed) {
    case Deed::make:
    case Deed::continue_it:
    case Deed::produce_too: produce(ring::Existing::continue_it); break;
    case Deed::replace: produce(ring::Existing::replace); break;
    case Deed::read: read(); break;
    }
  }
  // The next owner; where the owner lives, somebody beside it: another producer where there are many, else a reader.
  void recover() {
    const bool attaches = owner_lives() && Kind::producers == ring::Producers::one;
    settle(attaches ? ring::RingSpace::attach(place_, expectation()) : ring::RingSpace::create(spec()));
  }
  [[nodiscard]] bool owner_lives() const { return case_.deed == Deed::read || case_.deed == Deed::produce_too; }
  // The outcome when all is done.
  [[nodiscard]] std::uint64_t promised() const { return case_.deed == Deed::replace ? 2 : 1; }

  std::string judge(const Files& files, std::uint64_t& outcome) {
    if (!owner_lives()) {
      files_.clear();
    }
    files_.put_back(files);
    try {
      look_at_it(files);
      std::optional<ring::RingSpace> next;
      if (!owner_lives()) {
        next.emplace(ring::RingSpace::create(spec()));
      }
      const auto& owner = next ? *next : *owner_;
      recover_twice(owner);
      const bool is_new = owner.facts().birth != birth_;
      outcome = use(owner, is_new ? std::vector<std::uint64_t>{} : published_, !is_new, 1);
      if (is_new && case_.deed == Deed::replace) {
        ++outcome;
      }
      if (next) { // once more: who made or continued it has died again
        next.reset();
        const auto again = ring::RingSpace::create(spec());
        recover_twice(again);
        if (use(again, {}, true, 0) != 0) {
          return "there are messages that nobody published";
        }
        check_names();
      }
    } catch (const std::exception& error) {
      return error.what();
    }
    return {};
  }

private:
  // Where nobody gates, one more would cost the reader that comes back its first message; where many produce, that is
  // one that nobody has finished.
  [[nodiscard]] std::uint64_t unread_positions() const {
    constexpr bool many = Kind::producers == ring::Producers::many;
    const bool needs_a_slot = case_.deed == Deed::continue_it && !many;
    return case_.state.is_full ? file_ring_slots - (needs_a_slot ? 1 : 0) : many ? 4 : 2;
  }
  [[nodiscard]] std::optional<std::uint64_t> dead_position() const {
    if constexpr (Kind::producers == ring::Producers::one) {
      return std::nullopt;
    }
    const bool is_first = case_.state.is_full && case_.deed != Deed::read;
    return case_.state.next - unread_positions() + (is_first ? 0 : 2);
  }
  [[nodiscard]] std::string own_name() const { return place_.path().substr(place_.directory().size() + 1); }

  [[nodiscard]] ring::RingSpec spec(ring::Existing existing = ring::Existing::continue_it) const {
    ring::RingSpec spec;
    spec.place = place_;
    spec.unit_bytes = sizeof(Message);
    spec.capacity = file_ring_slots;
    spec.members = 4;
    spec.fingerprint = fingerprint;
    spec.producers = Kind::producers;
    spec.waiting = ring::Waiting::spin;
    spec.arena_bytes = case_.arena_bytes;
    spec.existing = existing;
    return spec;
  }
  [[nodiscard]] static ring::RingExpectation expectation() {
    ring::RingExpectation expected;
    expected.unit_bytes = sizeof(Message);
    expected.fingerprint = fingerprint;
    expected.producers = Kind::producers;
    return expected;
  }

  void leave_a_dead_claim() {
    const auto pid = ::fork();
    if (pid == 0) {
      const auto space = ring::RingSpace::create(spec());
      auto producer = Kind::producer(space);
      (void)ring::take_arena(space.lenders(), ring::owner_identity(os::own_identity()), ring::is_surely_dead_producer);
      std::uint64_t position = 0;
      (void)producer.try_claim(1, position);
      ::_exit(0);
    }
    ::waitpid(pid, nullptr, 0);
  }

  void produce(ring::Existing existing) {
    const auto space = ring::RingSpace::create(spec(existing));
    auto producer = Kind::producer(space);
    (void)push<Kind>(producer);
  }
  void read() {
    const auto space = ring::RingSpace::attach(place_, expectation());
    auto member = ring::Membership::join(space, {.id = "risk"}, never);
    auto reader = *Kind::Reader::join(
        Kind::memory(space), member.line(),
        {.from = ring::JoinFrom::sequence, .position = *member.resume_from(), .follows = {}}, between_processes);
    (void)reader.poll([](const Message&) {}, 1);
    const auto position = reader.position();
    member.remember(position);
    reader.leave();
    member.leave_and_keep(position, never);
  }

  // What anybody finds at any moment: no ring, or a whole one.
  void look_at_it(const Files& files) const {
    try {
      const auto seen = ring::RingSpace::attach(place_, expectation());
      if (seen.facts().capacity != file_ring_slots || seen.facts().members != 4) {
        throw std::runtime_error("a ring is found that is another one");
      }
      // The last owner that is alive, this process, has ended its ownership.
      if (!owner_lives() && seen.owner().state == ring::OwnerState::owned &&
          seen.owner().process.pid == os::own_identity().pid) {
        throw std::runtime_error("an owner is named that is none");
      }
    } catch (const Error& error) {
      const bool may_be_absent = case_.deed == Deed::make || case_.deed == Deed::replace;
      if (error.code() != ErrorCode::not_found || !may_be_absent || files.contains(own_name())) {
        throw;
      }
    }
  }

  static void settle(const ring::RingSpace& space) {
    const auto table = space.members();
    ring::MemberProtocol<> protocol(table.lines, table.readers, ring::ActorMark::of(os::own_identity()));
    for (std::size_t line = 0; line < table.lines.size(); ++line) {
      (void)protocol.settle(line, never, ring::is_surely_dead);
    }
    Kind::recover(space);
  }
  void recover_twice(const ring::RingSpace& owner) const {
    WatchedDirectory now(place_.directory(), own_name());
    settle(owner);
    now.look();
    const auto recovered = now.copy();
    settle(owner);
    if (!now.is(recovered)) {
      throw std::runtime_error("recovering again changes the memory");
    }
  }

  // The reader comes back and gets what is `expected` and then at most `more`; then everybody works. Returns how much
  // of what the dead one was to do has come true.
  std::uint64_t use(const ring::RingSpace& owner, const std::vector<std::uint64_t>& expected, bool is_known,
                    std::uint64_t more) {
    auto member = ring::Membership::join(owner, {.id = "risk"}, never);
    if (is_known && !member.resume_from()) {
      throw std::runtime_error("the place of a reader is lost");
    }
    const auto from = member.resume_from();
    auto reader = Kind::Reader::join(
        Kind::memory(owner), member.line(),
        {.from = from ? ring::JoinFrom::sequence : ring::JoinFrom::oldest, .position = from.value_or(0), .follows = {}},
        between_processes);
    if (!reader) {
      throw std::runtime_error("the line of a reader is held by somebody dead");
    }
    auto outcome = from && !expected.empty() ? *from - kept_ : 0;
    auto wanted = expected;
    std::erase_if(wanted, [&](std::uint64_t position) { return from && position < *from; });
    const auto positions = read_all<Kind>(*reader);
    const auto added = positions.size() - wanted.size();
    if (positions.size() < wanted.size() || added > more ||
        !std::equal(wanted.begin(), wanted.end(), positions.begin()) ||
        (!positions.empty() && positions.back() == ~std::uint64_t{0})) {
      throw std::runtime_error(
          fmt::format("{} messages arrive, not the {} that were published", positions.size(), wanted.size()));
    }
    outcome += added;
    auto producer = Kind::producer(owner);
    std::uint64_t taken = 0;
    while (taken <= file_ring_slots && push<Kind>(producer)) {
      ++taken;
    }
    const auto arrived = read_all<Kind>(*reader);
    if (taken != file_ring_slots || arrived.size() != file_ring_slots || arrived.back() == ~std::uint64_t{0}) {
      throw std::runtime_error(
          fmt::format("the ring takes {} and gives {}, not {}", taken, arrived.size(), file_ring_slots));
    }
    if constexpr (Kind::producers == ring::Producers::many) {
      const auto lenders = owner.lenders();
      const auto arena = ring::take_arena(lenders, 1, ring::is_surely_dead_producer);
      if (arena.has_value() != !lenders.empty()) {
        throw std::runtime_error("the arena is held by somebody dead");
      }
      if (arena) {
        ring::release_arena(lenders, *arena);
      }
    }
    const auto position = reader->position();
    reader->leave();
    member.leave_and_keep(position, never);
    return outcome;
  }
  void check_names() const {
    const auto names = files_.names();
    std::vector<std::string> wanted{own_name(), own_name() + "+lock", own_name() + "+members"};
    if (case_.arena_bytes != 0) {
      wanted.insert(wanted.begin() + 1, own_name() + "+arena");
    }
    if (names != wanted) {
      throw std::runtime_error(fmt::format("{} files are left, not {}", names.size(), wanted.size()));
    }
  }

  Case case_;
  const WatchedDirectory& files_;
  memory::Place place_;
  std::optional<ring::RingSpace> owner_; // that lives
  std::uint64_t birth_ = 0;
  std::uint64_t kept_ = 0;               // where the reader was
  std::vector<std::uint64_t> published_; // and not read
};

} // namespace ringfleet::kill
