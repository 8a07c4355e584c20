#include "ringfleet/ring/members.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/os/futex.hpp"
#include "ringfleet/ring/bell.hpp"
#include "ringfleet/ring/member_protocol.hpp"
#include "ringfleet/ring/process_judge.hpp"
#include "ringfleet/ring/shared_owners.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

namespace ringfleet::ring {
namespace {

std::string text_of(const MemberId& id) {
  std::array<char, member_id_bytes> text{};
  std::memcpy(text.data(), id.data(), text.size());
  return {text.data(), ::strnlen(text.data(), text.size())};
}

std::optional<Member> copy_of(const MemberTable& table, std::size_t line) {
  const MemberProtocol<> protocol(table.lines, table.readers, {});
  const auto word = protocol.look(line);
  if (word.state == MemberState::free) {
    return std::nullopt;
  }
  const auto& from = table.lines[line];
  Member member;
  member.line = static_cast<std::uint32_t>(line);
  member.incarnation = word.incarnation;
  member.state = word.state;
  member.role = static_cast<MemberRole>(Atomics::load_acquire(from.role));
  member.id = text_of(protocol.id_of(line));
  member.pid = word.has_actor() ? word.actor.pid : Atomics::load_acquire(from.pid);
  member.position = table.readers[line].gate.observe();
  member.joined_at_ns = Atomics::load_acquire(from.joined_at);
  if (word.state == MemberState::kept) {
    member.position = Atomics::load_acquire(from.kept_position);
  }
  return protocol.look(line) == word ? std::optional(member) : std::nullopt;
}

} // namespace

std::vector<Member> list_members(const MemberTable& table) {
  std::vector<Member> members;
  for (std::size_t line = 0; line < table.lines.size(); ++line) {
    if (auto member = copy_of(table, line)) {
      members.push_back(std::move(*member));
    }
  }
  return members;
}

// One watch for each actor on each line: a member, or somebody who is in the middle of a step.
struct Members::State {
  struct Watch {
    MemberWord word;
    memory::Watcher::WatchId id = 0;
  };

  struct ProducerWatch {
    std::uint64_t identity = 0;
    memory::Watcher::WatchId id = 0;
  };

  State(const RingSpace& s, memory::Watcher& w)
      : table(s.members()), protocol(table.lines, table.readers, ActorMark::of(os::own_identity())), watcher(w),
        watches(table.lines.size()) {}

  void begin_to_own(const RingSpace& space, Nanoseconds grace) {
    Atomics::store_relaxed(*table.grace_ns, static_cast<std::uint64_t>(std::max(grace, Nanoseconds::zero()).count()));
    if (space.facts().producers == Producers::many) {
      shared = space.shared_lines();
      producers.resize(owners_max);
    }
  }

  void scan();
  void scan_producers();
  void producer_died(std::uint32_t owner, std::uint64_t identity);
  // Without the mutex: the callbacks take it.
  void unwatch(const std::vector<memory::Watcher::WatchId>& ids) {
    for (const auto id : ids) {
      watcher.unwatch(id);
    }
  }
  [[nodiscard]] bool settle(std::size_t line, std::vector<memory::Watcher::WatchId>& outdated);
  void died(std::size_t line, const MemberWord& word);

  MemberTable table;
  MemberProtocol<> protocol;
  memory::Watcher& watcher;
  static constexpr auto looks_again = ~std::uint64_t{0};
  std::uint64_t joins_seen = looks_again; // relaxed: a hint; the truth is under the mutex
  std::mutex mutex;                       // guards what follows
  std::vector<Watch> watches;
  std::optional<SharedRingLines> shared; // where many produce
  std::vector<ProducerWatch> producers;  // by owner number
  std::uint64_t repaired = 0;
  std::vector<Member> obituaries;
  bool is_over = false; // no further watch is begun
};

// With the mutex. What is dead is cleared, what lives is watched. False: the line did not come to rest; look again
// later.
bool Members::State::settle(std::size_t line, std::vector<memory::Watcher::WatchId>& outdated) {
  constexpr int tries_max = 4; // each ends with a dead member cleared, or the line in somebody else's hands
  auto& watch = watches[line];
  for (int tries = 0; tries < tries_max; ++tries) {
    const auto before = copy_of(table, line);
    const auto word = protocol.look(line);
    if (watch.id != 0 && watch.word != word) {
      outdated.push_back(std::exchange(watch.id, 0));
    }
    if (!word.has_actor() || watch.id != 0 || is_over) {
      return true;
    }
    if (const auto pidfd = open_living(word.actor)) {
      watch.word = word;
      watch.id = watcher.watch_death(*pidfd, [this, line, word] { died(line, word); });
      return true;
    }
    const auto after = protocol.settle(line, end_of_grace(monotonic_now(), *table.grace_ns), is_surely_dead);
    if (before && before->state == MemberState::joined && after != word) {
      obituaries.push_back(*before);
      ring_bell(table.readers[line].bell, true); // its followers, and a parked producer
    }
  }
  return false;
}

// On the watcher's thread. It changes the obituary afterwards, which wakes a parked producer.
void Members::State::died(std::size_t line, const MemberWord& word) {
  std::vector<memory::Watcher::WatchId> outdated;
  {
    const std::lock_guard lock(mutex);
    auto& watch = watches[line];
    if (watch.id != 0 && watch.word == word) {
      watch.id = 0; // it has fired
    }
    bool is_settled = false;
    try {
      is_settled = settle(line, outdated);
    } catch (const Error&) {
      // Out of descriptors: nothing was changed.
    }
    if (!is_settled) {
      Atomics::store_relaxed(joins_seen, looks_again); // the next scan looks at every line
    }
  }
  unwatch(outdated);
}

// On the watcher's thread.
void Members::State::producer_died(std::uint32_t owner, std::uint64_t identity) {
  const std::lock_guard lock(mutex);
  if (producers[owner].identity == identity) {
    producers[owner] = {};
  }
  const auto count = repair_dead(*shared, is_surely_dead_producer);
  repaired += count;
  // It may also have died before it woke those who wait for what it had published.
  ring_shared_bell(*shared->shared, true);
}

// Owner numbers change hands without a count of joins, so each is looked at: one load for each that was ever used.
void Members::State::scan_producers() {
  std::vector<memory::Watcher::WatchId> outdated;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> dead;
  std::exception_ptr trouble;
  try {
    const std::lock_guard lock(mutex);
    const auto used = std::min(Atomics::load_acquire(shared->shared->owners_used), owners_max);
    for (std::uint32_t owner = 1; owner < used; ++owner) {
      const auto identity = Atomics::load_acquire(shared->owners->identity[owner]);
      auto& watch = producers[owner];
      if (watch.identity == identity) {
        continue;
      }
      if (const auto old = std::exchange(watch, {}); old.id != 0) {
        outdated.push_back(old.id);
      }
      if (identity == 0) {
        continue;
      }
      if (const auto pidfd = open_living_producer(identity)) {
        watch.id = watcher.watch_death(*pidfd, [this, owner, identity] { producer_died(owner, identity); });
      } else {
        dead.emplace_back(owner, identity);
      }
      watch.identity = identity;
    }
  } catch (const Error&) {
    trouble = std::current_exception(); // those that have not been looked at are by the next scan
  }
  for (const auto& [owner, identity] : dead) {
    producer_died(owner, identity);
  }
  unwatch(outdated);
  if (trouble) {
    std::rethrow_exception(trouble);
  }
}

void Members::State::scan() {
  if (shared) {
    scan_producers();
  }
  // SYNC ring.joins: acquire; pairs with the release in Membership::join. Receives: the newcomer's line.
  const auto joins = table.joins->observe();
  if (Atomics::load_relaxed(joins_seen) == joins) {
    return;
  }
  std::vector<memory::Watcher::WatchId> outdated;
  {
    const std::lock_guard lock(mutex);
    bool is_settled = true;
    for (std::size_t line = 0; line < watches.size(); ++line) {
      if (!settle(line, outdated)) {
        is_settled = false;
      }
    }
    Atomics::store_relaxed(joins_seen, is_settled ? joins : looks_again);
  }
  unwatch(outdated);
}

Members::Members(const RingSpace& space, memory::Watcher& watcher, Nanoseconds grace)
    : space_(space), state_(std::make_unique<State>(space, watcher)) {
  state_->begin_to_own(space, grace);
  scan();
}
Members::Members(const RingSpace& space, memory::Watcher& watcher)
    : space_(space), state_(std::make_unique<State>(space, watcher)) {
  scan();
}

Members::~Members() {
  std::vector<memory::Watcher::WatchId> all;
  {
    const std::lock_guard lock(state_->mutex);
    state_->is_over = true;
    for (auto& watch : state_->watches) {
      all.push_back(std::exchange(watch.id, 0));
    }
    for (auto& watch : state_->producers) {
      all.push_back(std::exchange(watch.id, 0));
    }
  }
  state_->unwatch(all);
}

void Members::scan() {
  state_->scan();
}

std::vector<Member> Members::take_obituaries() {
  const std::lock_guard lock(state_->mutex);
  return std::exchange(state_->obituaries, {});
}

std::uint64_t Members::repaired_claims() const {
  const std::lock_guard lock(state_->mutex);
  return state_->repaired;
}

std::uint32_t Members::count_readers() const {
  const auto members = list();
  return static_cast<std::uint32_t>(std::count_if(members.begin(), members.end(), [](const Member& member) {
    return member.state == MemberState::joined && member.role != MemberRole::producer;
  }));
}

const std::uint64_t& Members::joins_word() const noexcept {
  return state_->table.joins->value;
}

} // namespace ringfleet::ring
