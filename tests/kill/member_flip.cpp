// The member table and the owner line while somebody writes nonsense into what is theirs: a claimer of a line, the
// owner that looks who is there and clears up, and whoever lists them, beside a hostile member; a reader that looks who
// produces, and one that attaches, beside a hostile owner. An honest member keeps its line, its place and its name.
// fault 21.

#include "../allocations.hpp"
#include "flip.hpp"
#include "message.hpp"
#include "ringfleet/memory/watcher.hpp"
#include "ringfleet/ring/member_protocol.hpp"
#include "ringfleet/ring/members.hpp"
#include "ringfleet/ring/membership.hpp"
#include "ringfleet/ring/owner_watch.hpp"
#include "ringfleet/ring/producer.hpp"
#include "ringfleet/ring/reader.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;
using namespace ringfleet::ring;

namespace {

constexpr MonotonicNs long_ago = 1;
constexpr std::size_t hostile = 0;
constexpr std::size_t honest = 1;
constexpr BarrierOptions spins{.waiting = Waiting::spin, .shared = false};

// All that the member of a line writes.
std::vector<Field> fields_of_member(MemberLine& line, ReaderLines& reader) {
  std::vector<Field> fields{line.word,    line.kept_position, line.kept_until, line.start_ticks,
                            line.pid,     line.role,          line.joined_at,  reader.gate.value,
                            reader.began, reader.incarnation, reader.bell};
  for (auto& word : line.id) {
    fields.emplace_back(word);
  }
  return fields;
}

// The lines alone. Whoever is not known lives no longer: so the hostile line is cleared, as often as it looks like
// that.
class Claiming final : public Victim {
public:
  explicit Claiming(std::string_view id) : id_(pack_member_id(id)) {
    for (auto& reader : table().readers) {
      reader.gate.value = no_reader;
    }
    take(hostile, "hostile", known + 1);
    take(honest, "honest", known);
  }
  std::vector<Field> fields() override { return fields_of_member(table().lines[hostile], table().readers[hostile]); }
  std::string read() override {
    MemberProtocol<> protocol(table().lines, table().readers, {.pid = known + 2});
    const auto claim = protocol.claim(id_, {.now = 10, .kept_until = 20},
                                      [](ActorMark mark) { return mark.pid < known || mark.pid > known + 2; });
    if (claim.outcome == ClaimOutcome::claimed || claim.outcome == ClaimOutcome::resumed) {
      if (claim.line == honest || claim.line >= lines_total) {
        return "a line is given out that somebody has";
      }
      const auto word = protocol.join(claim);
      protocol.leave(claim.line, word, false, 0);
    }
    return {};
  }
  std::string others(bool /*in_peace*/) override {
    const MemberProtocol<> protocol(table().lines, table().readers, {});
    const auto word = protocol.look(honest);
    return word.state == MemberState::joined && word.actor.pid == known && word.incarnation == 1 &&
                   protocol.id_of(honest) == pack_member_id("honest") && table().readers[honest].gate.value == 42
               ? ""
               : "an honest member loses its line";
  }

private:
  static constexpr std::uint32_t known = 100;
  static constexpr std::size_t lines_total = 3;
  struct Table {
    std::array<MemberLine, lines_total> lines;
    std::array<ReaderLines, lines_total> readers;
  };
  [[nodiscard]] Table& table() const { return memory_.at<Table>(); }
  void take(std::size_t line, std::string_view id, std::uint32_t pid) {
    const auto packed = pack_member_id(id);
    std::ranges::copy(packed, table().lines[line].id);
    table().lines[line].word = MemberWord{MemberState::joined, {.pid = pid}, 1}.pack();
    table().readers[line].gate.value = 42;
  }

  Guarded memory_{sizeof(Table)};
  MemberId id_;
};

RingSpec spec() {
  RingSpec spec;
  spec.place = memory::Place::anonymous("flip");
  spec.unit_bytes = sizeof(Message);
  spec.capacity = 8;
  spec.members = 3;
  return spec;
}

// A ring in memory of its own, with its watcher; a hostile member and an honest one, which reads.
struct Ring {
  Ring()
      : space(RingSpace::create(spec())), watcher(obituary), producer(space.memory<Message>(), spins),
        first(Membership::join(space, {.id = "hostile"}, never)),
        second(Membership::join(space, {.id = "honest"}, never)),
        reader(*Reader<Message>::join(space.memory<Message>(), second.line(), {}, spins)) {}

  [[nodiscard]] std::vector<Field> fields_of_hostile() {
    const auto table = space.members();
    auto fields = fields_of_member(table.lines[first.line()], table.readers[first.line()]);
    fields.emplace_back(table.joins->value);
    fields.emplace_back(*table.grace_ns);
    return fields;
  }
  // The honest member is there, and gets what is published now.
  [[nodiscard]] std::string judge() {
    (void)producer.try_push(Message::of(number));
    std::uint64_t read = 0;
    const auto polled = reader.poll([&](const Message& message) { read += message == Message::of(number) ? 1 : 100; });
    number += read;
    const bool is_full = space.members().readers[first.line()].gate.value != no_reader && read == 0;
    if (polled.result == ReadResult::evicted || (read != 1 && !is_full)) {
      return "an honest reader does not get what is published";
    }
    for (const auto& member : list_members(space.members())) {
      if (member.line == second.line()) {
        return member.id == "honest" && member.state == MemberState::joined && member.pid == second_pid()
                   ? ""
                   : "an honest member is not what it was";
      }
    }
    return "an honest member is gone";
  }
  static std::uint32_t second_pid() { return static_cast<std::uint32_t>(os::own_identity().pid); }

  memory::Obituary obituary;
  RingSpace space;
  memory::Watcher watcher;
  Producer<Message> producer;
  Membership first;
  Membership second;
  Reader<Message> reader;
  std::uint64_t number = 0;
};

// The owner of the ring.
class Watching final : public Victim {
public:
  std::vector<Field> fields() override { return ring_.fields_of_hostile(); }
  std::string read() override {
    Atomics::fetch_add(ring_.space.members().joins->value, std::uint64_t{1}); // so that it looks at all lines
    members_.scan();
    for (const auto& member : members_.list()) {
      if (member.line >= spec().members || member.id.size() >= member_id_bytes) {
        return "a member that cannot be";
      }
    }
    (void)members_.count_readers();
    (void)members_.take_obituaries();
    return {};
  }
  std::string others(bool /*in_peace*/) override { return ring_.judge(); }

private:
  Ring ring_;
  Members members_{ring_.space, ring_.watcher, std::chrono::seconds(1)};
};

// Another member comes and goes.
class Joining final : public Victim {
public:
  std::vector<Field> fields() override { return ring_.fields_of_hostile(); }
  std::string read() override {
    return refused_or([&]() -> std::string {
      const auto mine = Membership::join(ring_.space, {.id = "third"}, long_ago);
      return mine.line() == ring_.second.line() || mine.line() >= spec().members ? "a line that somebody has" : "";
    });
  }
  std::string others(bool /*in_peace*/) override { return ring_.judge(); }

private:
  Ring ring_;
};

// What a hostile owner writes, in its own mapping; its reader has another one.
class BesideHostileOwner : public Victim {
public:
  std::vector<Field> fields() override {
    auto& line = head().owner;
    return {line.word, line.start_ticks, line.pid_namespace, line.boot_id[0], line.boot_id[1], line.pid};
  }

protected:
  [[nodiscard]] RingHead& head() const {
    auto* const word = reinterpret_cast<std::byte*>(const_cast<std::uint64_t*>(&owners_.owner_word()));
    return *reinterpret_cast<RingHead*>(word - offsetof(RingHead, owner) - offsetof(OwnerLine, word));
  }
  [[nodiscard]] RingSpace attach() const {
    return RingSpace::attach(owners_.descriptors(), {.unit_bytes = sizeof(Message)}, "flip");
  }

  RingSpace owners_ = RingSpace::create(spec());
};

class LookingForOwner final : public BesideHostileOwner {
public:
  std::string read() override {
    return refused_or([&]() -> std::string {
      OwnerWatch watch(space_, watcher_, obituary_);
      (void)watch.look();
      (void)watch.wait(long_ago);
      const auto owner = space_.owner();
      return static_cast<std::uint32_t>(owner.state) > 3 ? "a state that there is not" : "";
    });
  }
  std::string others(bool /*in_peace*/) override {
    OwnerWatch watch(space_, watcher_, obituary_);
    return watch.look() == Production::running ? "" : "an owner that lives is not found any more";
  }

private:
  RingSpace space_ = attach();
  memory::Obituary obituary_;
  memory::Watcher watcher_{obituary_};
};

class Attaching final : public BesideHostileOwner {
public:
  std::vector<Field> fields() override {
    auto fields = BesideHostileOwner::fields();
    auto& shape = head().shape;
    fields.insert(fields.end(),
                  {shape.capacity, shape.unit_bytes, shape.members, shape.producers, shape.waiting, shape.lossy,
                   shape.layout, shape.arena_bytes, shape.claim_bytes, shape.lenders, shape.checksum});
    return fields;
  }
  std::string read() override {
    return refused_or([&]() -> std::string {
      const auto space = attach();
      sum_ += touch(space.units());
      return space.facts().capacity == spec().capacity && space.facts().members == spec().members &&
                     space.units().size() == spec().capacity * sizeof(Message)
                 ? ""
                 : "a ring that was not checked";
    });
  }

private:
  std::uint64_t sum_ = 0;
};

template <class V, class... Arguments>
Attack attack_on(std::string name, std::uint64_t instructions_each, bool never_rests, const Arguments&... arguments) {
  return {.name = std::move(name),
          .make = [arguments...] { return std::make_unique<V>(arguments...); },
          .instructions_each = instructions_each,
          .never_rests = never_rests};
}
// Most of it is the kernel's work and what surrounds it.
template <class V>
Attack long_attack_on(std::string name) {
  auto attack = attack_on<V>(std::move(name), 20'000, false);
  attack.reads_beside = 2'000;
  attack.before_each_allocation = &test::before_each_allocation;
  return attack;
}

} // namespace

int main(int argc, char** argv) {
  return flip_main(argc, argv, "flip_member",
                   {attack_on<Claiming>("a line is claimed by id", 20'000, true, "new"),
                    attack_on<Claiming>("a line is claimed by the hostile one's id", 20'000, true, "hostile"),
                    attack_on<Claiming>("a line is claimed by a stranger", 20'000, true, ""),
                    attack_on<Watching>("the owner looks who is there", 300'000, true),
                    attack_on<Joining>("another member joins", 30'000, false),
                    long_attack_on<LookingForOwner>("a reader looks who produces"),
                    long_attack_on<Attaching>("a reader attaches")},
                   10'000);
}
