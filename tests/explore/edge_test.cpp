// The synchronising edges of docs/memory-model.md one by one, on machines weaker than x86: what a process stored before
// the verb that publishes is there for whoever has learnt of it by the verb that receives. Larger worlds pass most of
// these edges as well; but there another edge may cover for one that is too weak.

#include "lane_memory.hpp"
#include "walk.hpp"

#include "ringfleet/base/process_word.hpp"
#include "ringfleet/call/caller_lane_impl.hpp"
#include "ringfleet/call/lane_caller_impl.hpp"
#include "ringfleet/call/server_lane_impl.hpp"
#include "ringfleet/counter/counter_protocol.hpp"
#include "ringfleet/fleet/epoch.hpp"
#include "ringfleet/memory/obituary.hpp"
#include "ringfleet/ring/lossy_sequencer.hpp"
#include "ringfleet/ring/member_protocol.hpp"
#include "ringfleet/ring/reader_sequencer.hpp"
#include "ringfleet/ring/sequencer.hpp"
#include "ringfleet/ring/shared_lenders.hpp"
#include "ringfleet/ring/shared_lossy_sequencer.hpp"
#include "ringfleet/ring/shared_owners.hpp"
#include "ringfleet/ring/shared_reader_sequencer.hpp"
#include "ringfleet/ring/shared_ring.hpp"
#include "ringfleet/ring/shared_sequencer.hpp"
#include "ringfleet/ring/stop_word.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace ringfleet::explore;

namespace {

// An edge has `publish`, and `learn`, which says whether it came after that. Process 0 stores a word and publishes;
// process 1 learns and looks at the word.
template <class Edge>
class Passing {
public:
  unsigned processes() const { return 2; }
  bool is_mortal(unsigned /*process*/) const { return false; }
  void run(unsigned process) {
    if (process == 0) {
      E::store_relaxed(word_, 1U);
      edge_.publish();
    } else if (edge_.learn()) {
      has_learnt = true;
      is_lost_ = E::load_relaxed(word_) == 0;
    }
  }
  std::string verdict(const Outcome& /*outcome*/) {
    return is_lost_ ? "published, and what was stored before is not there" : "";
  }
  inline static bool has_learnt = false; // in any run

private:
  Edge edge_;
  std::uint32_t word_ = 0;
  bool is_lost_ = false;
};

template <class Edge>
void pass(const char* name) {
  walk_reordered(name, {.preemptions = 1, .deaths = 0}, 20'000, [] { return std::make_unique<Passing<Edge>>(); });
  CAPTURE(name);
  CHECK(Passing<Edge>::has_learnt);
}

struct CursorEdge {
  ring::Sequence cursor{};
  void publish() { cursor.publish<E>(1); }
  bool learn() { return cursor.observe<E>() == 1; }
};
struct StopEdge {
  ring::StopWord stop;
  void publish() { stop.request<E>(); }
  bool learn() { return stop.is_requested<E>(); }
};
struct ProcessWordEdge {
  ProcessWord<std::uint32_t> word;
  void publish() { word.publish<E>(1); }
  bool learn() { return word.observe<E>() == 1; }
};
struct ObituaryEdge {
  memory::Obituary obituary;
  void publish() { obituary.announce<E>(); }
  bool learn() { return obituary.value<E>() == 1; }
};

// A ring with one producer; its reader is of `Reader`.
struct OneProducer {
  ring::ProducerLines producer{};
  std::array<std::uint64_t, 1> evicted{};
  ring::Sequence joins{};
  std::array<ring::ReaderLines, 1> readers{};
  std::optional<ring::SingleProducerSequencer<E>> sequencer;

  OneProducer() {
    ring::format_ring(lines());
    sequencer.emplace(lines());
  }
  ring::RingLines lines() { return {&producer, evicted, &joins, readers, 1}; }
};
template <class Reader>
struct ClosedEdge : OneProducer {
  std::optional<Reader> reader = Reader::join(lines(), 0, {});
  void publish() { sequencer->close(); }
  bool learn() { return reader->is_closed(); }
};
struct BeganEdge : OneProducer {
  ring::Gate<E> gate;
  BeganEdge() { (void)gate.take(readers[0], 0); }
  void publish() { gate.begun(); }
  bool learn() { return E::load_acquire(readers[0].began) != 0; } // as MemberProtocol::has_moved
};

template <class Reader>
struct SharedClosedEdge {
  ring::SharedLines shared{};
  ring::OwnerTable owners{};
  std::array<std::uint64_t, 1> descriptors{};
  std::array<std::uint64_t, 1> evicted{};
  ring::Sequence joins{};
  std::array<ring::ReaderLines, 1> readers{};
  std::optional<ring::SharedSequencer<E>> sequencer;
  std::optional<Reader> reader;

  SharedClosedEdge() {
    const ring::SharedRingLines lines{&shared, &owners, descriptors, evicted, &joins, readers};
    ring::format_ring(lines);
    (void)ring::take_owner_from<E>(lines, 1, 0, 100);
    sequencer.emplace(lines, 1U);
    reader = Reader::join(lines, 0, {});
  }
  void publish() { sequencer->close(); }
  bool learn() { return reader->is_closed(); }
};
struct LenderEdge {
  std::array<std::uint64_t, 1> lenders{100};
  void publish() { ring::release_arena<E>(lenders, 1); }
  bool learn() {
    return ring::take_arena<E>(lenders, 101, [](std::uint64_t) { return false; }).has_value();
  }
};

struct MemberEdge {
  std::array<ring::MemberLine, 1> lines{};
  std::array<ring::ReaderLines, 1> readers{};
  ring::MemberProtocol<E> protocol{lines, readers, {1, 0}};
  ring::MemberClaim claim = protocol.claim({}, {}, [](ring::ActorMark) { return false; });
  void publish() { (void)protocol.join(claim); }
  bool learn() { return ring::MemberProtocol<E>(lines, readers, {2, 0}).look(0).state == ring::MemberState::joined; }
};

struct EpochEdge {
  std::unique_ptr<fleet::RouteLayout> route = std::make_unique<fleet::RouteLayout>();
  fleet::EpochLayout page{};
  std::optional<fleet::EpochSection<E>> section;
  EpochEdge() {
    route->epoch = 1;
    section.emplace(page.lines[0], fleet::RouteReader<E>(*route));
  }
  void publish() { section.reset(); }
  bool learn() { return !fleet::EpochPage<E>(page).inside_before(2); }
};
struct CounterOwnerEdge {
  counter::OwnerFields owner{};
  void publish() { counter::show_owner<E>(owner, 1, 2, 3); }
  bool learn() { return E::load_acquire(owner.pid) != 0; } // as the kernel copies it
};

// A lane with one slot, up to an answered call whose reply lies in an arena, as far as `Until` says.
struct LaneEdge {
  static constexpr call::LaneShape shape{.slots = 1, .slot_bytes = 64, .workers = 1};
  std::vector<MemoryLine> requests = std::vector<MemoryLine>(call::client_body_bytes(shape) / cache_line_bytes);
  std::vector<MemoryLine> replies = std::vector<MemoryLine>(call::runner_body_bytes(shape) / cache_line_bytes + 1);
  frame::ArenaViews arenas;
  call::LaneServer<E> server{shape, bytes_of(replies), bytes_of(requests)};
  call::LaneCaller<E> caller{shape, bytes_of(requests), bytes_of(replies)};

  bool request() {
    caller.fill(0, {.method = 1, .deadline = never, .chain = {}}, {});
    caller.publish(0, false);
    return true;
  }
  bool take() {
    call::Request request;
    return server.poll(arenas, request) == call::Taken::request;
  }
  void answer() { server.publish_reply(0, CallStatus::ok, 0, 8, 1); }
};
struct RequestEdge : LaneEdge {
  RequestEdge() { (void)caller.try_claim(); }
  void publish() { (void)request(); }
  bool learn() { return take(); }
};
struct ReplyEdge : LaneEdge {
  bool is_there = caller.try_claim().kind == call::ClaimKind::claimed && request() && take();
  void publish() { answer(); }
  bool learn() { return caller.has_stamp(0); }
};
struct StartEdge : ReplyEdge {
  void publish() { server.start(0, 0, never); }
  bool learn() {
    const auto fates = caller.classify();
    return fates.of(0) == call::Fate::started;
  }
};
struct SlotEdge : ReplyEdge {
  SlotEdge() { answer(); }
  void publish() { (void)caller.release(0); }
  bool learn() { return caller.try_claim().kind == call::ClaimKind::claimed; }
};
struct AbandonedEdge : SlotEdge {
  void publish() { caller.abandon(0); }
  bool learn() { return caller.try_claim().kind == call::ClaimKind::late; }
};
struct ReleasedEdge : SlotEdge {
  bool learn() { return server.is_released(0); }
};
struct LaneClosedEdge : LaneEdge {
  void publish() { (void)server.close(); }
  bool learn() { return caller.is_closed(); }
};
struct LaneClosedVerdictEdge : LaneClosedEdge {
  bool learn() { return caller.close_verdict(0) != call::LaneCaller<E>::CloseVerdict::open; }
};
struct LaneClosedBellEdge : LaneClosedEdge {
  bool learn() { return E::load_acquire(caller.closed_bell()) != 0; } // as CallerLane::see
};
struct LaneDeadEdge {
  Lane lane{LaneEdge::shape, 0, 0, nullptr};
  void publish() { lane.caller.mark_dead(); }
  bool learn() { return lane.caller.is_dead(); }
};

} // namespace

TEST_CASE("edges, explored: rings and members, on a machine that reorders stores and loads") {
  pass<CursorEdge>("ring.sequence");
  pass<StopEdge>("ring.stop");
  pass<ClosedEdge<ring::ReaderSequencer<E>>>("ring.closed");
  pass<ClosedEdge<ring::LossySequencer<E>>>("ring.closed, lossy");
  pass<SharedClosedEdge<ring::SharedReaderSequencer<E>>>("ring.closed, many producers");
  pass<SharedClosedEdge<ring::SharedLossySequencer<E>>>("ring.closed, many producers, lossy");
  pass<BeganEdge>("ring.began");
  pass<LenderEdge>("shared.lender");
  pass<MemberEdge>("member.line");
}

TEST_CASE("edges, explored: lanes, routes and counters, on a machine that reorders stores and loads") {
  pass<RequestEdge>("lane.request");
  pass<ReplyEdge>("lane.reply");
  pass<StartEdge>("lane.progress");
  pass<SlotEdge>("lane.slot");
  pass<AbandonedEdge>("lane.slot, of a call that was given up");
  pass<ReleasedEdge>("lane.released");
  pass<LaneClosedEdge>("lane.closed");
  pass<LaneClosedVerdictEdge>("lane.closed, of a call");
  pass<LaneClosedBellEdge>("lane.closed, the bell");
  pass<LaneDeadEdge>("lane.dead");
  pass<EpochEdge>("epoch.leave");
  pass<CounterOwnerEdge>("counter.owner");
  pass<ProcessWordEdge>("words of one process: pick.table");
  pass<ObituaryEdge>("obituary");
}
