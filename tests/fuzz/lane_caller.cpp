// The caller's protocol over a runner's segment that says anything, beside a model that never looks at that segment.
// Whatever the runner writes: positions are given out once and in order, a slot in use stays in use, a reply lies in
// the lane or in an open arena, a walk over the slots meets exactly the calls it is about, and no loop is as long as
// the runner wants it. As long as nobody scribbles, verdicts on a dead or closed runner are exact.

#include "ringfleet/call/lane_caller.hpp"
#include "counted_atomics.hpp"
#include "input.hpp"
#include "ringfleet/call/lane_server.hpp"

#include <iterator>
#include <map>

using namespace ringfleet;
using namespace ringfleet::call;
using namespace ringfleet::fuzz;

namespace {

constexpr LaneShape small{4, 64, 2};
constexpr std::size_t arena_bytes = 1 << 12;
// An operation looks at each slot, stamp and progress line a few times.
constexpr std::uint64_t looks_max = 200;
// Slot words count positions modulo 2^61.
constexpr std::uint64_t first_positions[] = {
    0, 1, (1ULL << 31) - 2, (1ULL << 32) - 2, (1ULL << 61) - 3, (1ULL << 63) - 2};

enum Step : std::uint8_t {
  scribbled,
  claim,
  claim_in_arena,
  served,
  answered,
  closed,
  poll,
  give_back,
  take,
  let_loose,
  move,
  abandon,
  cancel,
  walks,
  verdicts,
  steps
};

struct Call {
  SlotState state;
  std::uint64_t block;  // of the request, in an arena of ours
  bool started = false; // by the honest runner
  bool replied = false;
};

class Lane {
public:
  explicit Lane(std::uint64_t first)
      : requests_(client_body_bytes(small)), replies_(runner_body_bytes(small)), reply_arena_(arena_bytes),
        server_(small, replies_.span(), requests_.span(), first),
        caller_(small, requests_.span(), replies_.span(), first), next_(first) {
    (void)reply_views_.open(1, reply_arena_.span());
  }

  void run(Step step, Input& input) {
    CountedAtomics::allow(looks_max);
    switch (step) {
    case scribbled: scribble_somewhere(input); return;
    case claim: claim_one(input, false); return;
    case claim_in_arena: claim_one(input, true); return;
    case served: serve_one(); return;
    case answered: answer_one(input); return;
    case closed:
      if (served_ == nobody) {
        closed_at_ = server_.close();
      }
      return;
    case walks: walk(); return;
    case verdicts: judge(); return;
    default: break;
    }
    if (!calls_.empty()) {
      with_one(step,
               std::next(calls_.begin(), input.take<std::uint8_t>() % static_cast<std::ptrdiff_t>(calls_.size())));
    }
  }
  // What must hold after each step.
  void check_books() {
    CountedAtomics::allow(looks_max);
    require(caller_.tail() == next_, "the tail is one past the last claim");
    bool is_busy = false;
    for (const auto& [position, call] : calls_) {
      is_busy = is_busy || call.state != SlotState::abandoned;
      require(caller_.state_of_position(position) == call.state, "a slot in use is in the state it was put in");
      require(caller_.is_loose(position) == (call.state == SlotState::loose), "a loose call is loose");
    }
    require(caller_.is_busy() == is_busy, "the lane is busy with the calls that somebody wants");
  }

private:
  using Calls = std::map<std::uint64_t, Call>; // by position
  static constexpr std::uint64_t nobody = ~0ULL;

  [[nodiscard]] Calls::iterator call_at(std::uint64_t position) { return calls_.find(position); }

  // Headers, control and progress; what lies between is nobody's.
  void scribble_somewhere(Input& input) {
    const auto where = input.take<std::uint8_t>() % (small.slots + 2);
    const auto part = where < small.slots    ? replies_.span().subspan(reply_offset(small, where), sizeof(ReplyHeader))
                      : where == small.slots ? replies_.span().first(sizeof(LaneControl))
                                             : replies_.span().subspan(progress_offset, 2 * sizeof(Progress));
    scribble(part, input);
    is_honest_ = false;
  }

  void claim_one(Input& input, bool in_arena) {
    const bool is_loose = input.take<std::uint8_t>() % 2 != 0;
    const auto made = caller_.try_claim();
    const auto occupant = call_at(next_ - small.slots);
    switch (made.kind) {
    case ClaimKind::claimed: {
      require(made.position == next_ && occupant == calls_.end(), "positions are given out in order, into free slots");
      const std::uint64_t block = in_arena ? std::uint64_t{1} << 56 | 64 : 0;
      if (in_arena) {
        caller_.fill_arena(made.position, {.method = 1}, block, 100);
      } else {
        const auto payload = input.take_bytes(input.take<std::uint8_t>() % (small.slot_bytes + 1));
        caller_.fill(made.position, {.method = 1}, payload);
        require(caller_.request_inline(made.position).size() == payload.size(), "the request is as it was sent");
      }
      caller_.publish(made.position, is_loose);
      require(caller_.request_payload_word(made.position) == block, "the request is where it was put");
      calls_.emplace(made.position, Call{is_loose ? SlotState::loose : SlotState::held, block});
      ++next_;
      return;
    }
    case ClaimKind::closed: require(caller_.is_closed(), "an open lane is not closed"); return;
    case ClaimKind::full: break;
    case ClaimKind::movable:
      require(occupant != calls_.end() && occupant->second.state == SlotState::loose, "a loose call can be moved");
      require(caller_.begin_move(made.position), "nobody else moves it");
      free_slot(occupant);
      break;
    case ClaimKind::late:
      require(occupant != calls_.end() && occupant->second.state == SlotState::abandoned, "nobody wants a late reply");
      free_slot(occupant);
      break;
    }
    require(made.position == next_ - small.slots, "the call that is in the way is a lap behind");
    require(made.kind != ClaimKind::full || occupant != calls_.end(), "a lane with a free slot is not full");
  }

  void free_slot(Calls::iterator call) {
    require(caller_.release(call->first) == call->second.block, "a block comes back once, with its slot");
    calls_.erase(call);
  }

  void with_one(Step step, Calls::iterator call) {
    auto& [position, its] = *call;
    switch (step) {
    case poll: look(position, its); return;
    case give_back: // an answered one, as far as the caller can see
      if (its.state == SlotState::held && caller_.has_stamp(position)) {
        free_slot(call);
      }
      return;
    case take:
      require(caller_.take(position) == (its.state == SlotState::loose), "whoever takes a loose call has it");
      its.state = its.state == SlotState::loose ? SlotState::held : its.state;
      return;
    case let_loose:
      if (its.state == SlotState::held) {
        caller_.let_loose(position);
        its.state = SlotState::loose;
      }
      return;
    case move:
      if (caller_.has_stamp(position)) {
        require(caller_.begin_move(position) == (its.state == SlotState::loose), "a loose call is moved by one");
        if (its.state == SlotState::loose) {
          free_slot(call);
        }
      }
      return;
    case abandon:
      if (its.state == SlotState::held) {
        caller_.abandon(position);
      } else {
        require(caller_.abandon_loose(position) == (its.state == SlotState::loose), "a loose call is abandoned once");
      }
      its.state = SlotState::abandoned;
      return;
    default:
      caller_.cancel(position);
      require(caller_.is_cancelled(position), "a call that was cancelled is cancelled");
      return;
    }
  }

  void look(std::uint64_t position, const Call& its) {
    ReplyView view;
    const auto polled = caller_.poll(position, reply_views_, view);
    if (polled == Polled::replied) {
      require(static_cast<std::uint32_t>(view.status) < call_status_count, "a status that exists");
      const auto its_slot =
          replies_.span().subspan(reply_offset(small, position) + sizeof(ReplyHeader), small.slot_bytes);
      require(lies_in(view.bytes, its_slot) || lies_in(view.bytes, reply_arena_.span()),
              "a reply lies in its slot or in an arena");
      touch(view.bytes);
    }
    require(!is_honest_ || polled == (its.replied ? Polled::replied : Polled::pending), "an honest reply is seen");
  }

  // The honest runner, whose own books are its own; what it writes may be scribbled over.
  void serve_one() {
    Request request;
    if (served_ == nobody && server_.poll(request_views_, request) != Taken::nothing) {
      const auto call = call_at(request.position);
      require(call != calls_.end() || !is_honest_, "a request that is served is not given back");
      server_.start(0, request.position, request.deadline);
      served_ = request.position;
      if (call != calls_.end()) {
        call->second.started = true;
      }
    }
  }
  void answer_one(Input& input) {
    if (served_ == nobody) {
      return;
    }
    const auto bytes = input.take<std::uint8_t>();
    const auto payload = bytes <= small.slot_bytes ? 0 : std::uint64_t{1} << 56 | 128;
    server_.publish_reply(served_, CallStatus::ok, 0, bytes, payload);
    server_.finish(0);
    if (const auto call = call_at(served_); call != calls_.end()) {
      call->second.replied = true;
    }
    served_ = nobody;
  }

  void walk() {
    std::size_t loose = 0;
    caller_.for_each_loose([&](std::uint64_t position) {
      const auto call = call_at(position);
      require(call != calls_.end() && call->second.state == SlotState::loose, "a walk over loose calls meets these");
      ++loose;
    });
    for (const auto& [position, call] : calls_) {
      loose -= call.state == SlotState::loose ? 1 : 0;
    }
    require(loose == 0, "a walk over loose calls meets each of them");
    caller_.take_late([&](std::uint64_t position) {
      const auto call = call_at(position);
      require(call != calls_.end() && call->second.state == SlotState::abandoned, "only what nobody wants is late");
      free_slot(call);
    });
    for (const auto& [position, call] : calls_) {
      require(call.state != SlotState::abandoned || !caller_.has_stamp(position), "what was late is taken");
    }
  }

  void judge() {
    const auto fates = caller_.classify();
    for (const auto& [position, call] : calls_) {
      const auto fate = fates.of(position);
      require(fate <= Fate::replied, "a fate");
      const auto close = caller_.close_verdict(position);
      using Close = LaneCaller<CountedAtomics>::CloseVerdict;
      require(close <= Close::implausible, "a verdict on the close");
      if (is_honest_) {
        require(fate == (call.replied   ? Fate::replied
                         : call.started ? Fate::started
                                        : Fate::queued),
                "an honest runner's calls have the fate that they had");
        require(close == (closed_at_ == nobody        ? Close::open
                          : position - closed_at_ < 8 ? Close::never_executed
                                                      : Close::will_be_answered),
                "an honest close says what was executed");
      }
    }
  }

  ExactMemory requests_;
  ExactMemory replies_;
  ExactMemory reply_arena_;
  frame::ArenaViews reply_views_;
  frame::ArenaViews request_views_; // none is open: a request in an arena is a bad one to the runner
  LaneServer<CountedAtomics> server_;
  LaneCaller<CountedAtomics> caller_;
  Calls calls_;
  std::uint64_t next_;
  std::uint64_t served_ = nobody;
  std::uint64_t closed_at_ = nobody;
  bool is_honest_ = true;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Lane lane(first_positions[input.take<std::uint8_t>() % std::size(first_positions)]);
  while (!input.empty()) {
    lane.run(static_cast<Step>(input.take<std::uint8_t>() % steps), input);
    lane.check_books();
  }
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  std::vector<Bytes> all;
  for (std::uint8_t first = 0; first < std::size(first_positions); ++first) {
    InputMaker honest;
    honest.add(first);
    for (std::uint8_t i = 0; i < 6; ++i) {
      honest.add(claim).add(i).add(std::uint8_t{0}).add(served).add(verdicts).add(answered).add(std::uint8_t(i * 30));
      honest.add(walks).add(poll).add(i).add(take).add(i).add(give_back).add(i);
    }
    honest.add(claim).add(std::uint8_t{1}).add(std::uint8_t{0}).add(closed).add(verdicts);
    all.push_back(honest.make());
  }
  // Loose, abandoned and in an arena, until the lane is full; then all of it is answered and the slots are wanted.
  InputMaker full;
  full.add(std::uint8_t{3});
  for (std::uint8_t i = 0; i < 5; ++i) {
    full.add(claim_in_arena).add(i).add(i % 2 == 0 ? abandon : cancel).add(i);
  }
  for (std::uint8_t i = 0; i < 4; ++i) {
    full.add(served).add(answered).add(std::uint8_t{8}).add(claim).add(i).add(std::uint8_t{0});
  }
  full.add(walks).add(verdicts).add(move).add(std::uint8_t{0}).add(let_loose).add(std::uint8_t{1});
  all.push_back(full.make());
  // One byte more than a slot has.
  InputMaker longer;
  longer.add(std::uint8_t{0}).add(claim).add(std::uint8_t{0}).add(std::uint8_t{0}).add(served).add(answered);
  longer.add(std::uint8_t{8}).add(scribbled).add(std::uint8_t{0}).add(std::uint8_t{2});
  longer.add(static_cast<std::uint16_t>(offsetof(ReplyHeader, payload_bytes))).add(small.slot_bytes + 1);
  longer.add(poll).add(std::uint8_t{0});
  all.push_back(longer.make());
  InputMaker wild;
  wild.add(std::uint8_t{2});
  for (std::uint8_t i = 0; i < 6; ++i) {
    wild.add(claim).add(i).add(std::uint8_t{0}).add(served).add(scribbled).add(i).add(std::uint8_t{0x43});
    wild.add(std::uint16_t{0}).add(std::uint64_t{1} << (i * 8)).add(poll).add(i).add(walks).add(verdicts);
  }
  all.push_back(wild.make());
  return all;
}
