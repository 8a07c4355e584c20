// A scheduler that says anything, under a client: lanes and arenas that are offered, opened, taken back and told dead
// in any order, segments that are not what they are called, a route that is scribbled over, modules that come and go.
// Every call ends by name, what a reply shows stays mapped as long as the reply lives, and when the client is gone it
// has no descriptor left.

#include "ringfleet/fleet/detail/client_core.hpp"
#include "false_segment.hpp"
#include "input.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/call/lane_segment.hpp"
#include "ringfleet/call/server_lane.hpp"
#include "ringfleet/fleet/route.hpp"

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

using namespace ringfleet;
using namespace ringfleet::fuzz;
using namespace ringfleet::fleet;
using memory::Segment;
using memory::SegmentKind;

namespace {

constexpr call::LaneShape small{4, 64, 1};
constexpr std::uint64_t lanes_max = 4;
constexpr std::size_t pending_max = 8;
constexpr CallOptions at_once{Nanoseconds(0)};

enum Step : std::uint8_t {
  offered,
  opened,
  refused,
  arena_of_client,
  usable,
  no_arena,
  arena_of_runner,
  runner_died,
  lane_closed,
  route,
  route_changed,
  scribbled_route,
  scribbled_lane,
  serve,
  call_now,
  start,
  collect,
  cancel,
  drop,
  release,
  scheduler_died,
  steps
};

class Scheduler {
public:
  Scheduler() : core_(keep_body(route_segment(), route_body_), epoch_segment(), control()) {}
  ~Scheduler() { end(); }

  void run(Step step, Input& input) {
    const auto id = input.take<std::uint8_t>() % lanes_max;
    const auto word = input.take<std::uint8_t>();
    const auto number = static_cast<std::uint32_t>(word % 20);
    switch (step) {
    case offered: offer_lane(id, word, input); break;
    case opened: open_lane(id, static_cast<Fake>(word % fakes)); break;
    case refused: core_.lane_refused(id); break;
    case arena_of_client: core_.arena_offered(id, number, arena(word, false)); break;
    case usable: core_.arena_usable(id, number); break;
    case no_arena: core_.arena_refused(id); break;
    case arena_of_runner: core_.arena_opened(id, number, arena(word, true)); break;
    case runner_died: core_.runner_died(id, input.take_text(word)); break;
    case lane_closed:
      if (const auto lane = lanes_.find(id); lane != lanes_.end() && lane->second.server && word % 2 == 0) {
        lane->second.server->close();
      }
      core_.lane_closed(id);
      break;
    case route: publish_route(id, word); break;
    case route_changed: core_.route_changed(); break;
    case scribbled_route:
      scribble(input.take<std::uint8_t>() % 2 == 0 ? route_body_.first(64) : route_body_, input);
      break;
    case scribbled_lane:
      if (const auto lane = lanes_.find(id); lane != lanes_.end() && lane->second.replies) {
        scribble(lane->second.replies.writable_body(), input);
      }
      break;
    case serve: serve_one(id, word); break;
    case call_now: call_in_vain(word, payload(input)); break;
    case start: start_one(word, payload(input)); break;
    case release:
      if (!replies_.empty()) {
        replies_.pop_front();
      }
      break;
    case scheduler_died: core_.scheduler_died(); break;
    default: with_pending(step, word); break;
    }
  }

private:
  struct Lane {
    call::LaneShape shape;
    std::uint64_t runner = 0;
    os::Descriptor requests;
    Segment replies; // as the runner writes it
    Segment seen;    // the requests, as the runner reads them
    std::optional<call::ServerLane> server;
  };

  static Segment route_segment() {
    return Segment::heap({SegmentKind::route, sizeof(RouteLayout), 1, route_fingerprint});
  }
  static Segment epoch_segment() {
    return Segment::heap({SegmentKind::epochs, sizeof(EpochLayout), 1, epoch_fingerprint});
  }
  static Segment keep_body(Segment segment, std::span<std::byte>& body) {
    body = segment.writable_body(); // stays where it is
    return segment;
  }
  static const char* name_of(std::uint8_t word) { return word % 2 == 0 ? "one" : "two"; }

  ClientCore::Control control() {
    ClientCore::Control control;
    control.subscribe = [this](std::string_view) {
      if (subscription_.number == 7) {
        throw Error(ErrorCode::not_found, "there is no such module");
      }
      return subscription_;
    };
    control.want_arena = [](std::uint64_t, std::uint64_t) { require(false, "the control thread waits for itself"); };
    control.violation = [](std::uint64_t, std::string what) { require(!what.empty(), "a violation is told"); };
    return control;
  }

  // A later offer of the same number stands in for the earlier one here, as it does at a hostile scheduler.
  void offer_lane(std::uint64_t id, std::uint8_t word, Input& input) {
    LaneOffer its;
    its.lane = id;
    its.runner = word % 3;
    its.module = word / 3 % 3;
    its.spin = word >= 128;
    its.shape = small;
    const auto how = input.take<std::uint8_t>();
    if (how % 8 == 7) { // of a shape that may be none
      its.shape = {input.take<std::uint8_t>(), input.take<std::uint8_t>(), 1};
    }
    its.facts = how % 8 == 6 ? std::string(input.take_text(16)) : facts();
    const auto fake_kind = static_cast<Fake>(how / 8 % fakes);
    if (fake_kind != honest) {
      core_.lane_offered(its, fake(fake_kind, SegmentKind::requests));
      return;
    }
    auto requests = memory::create_anonymous_segment(
        "requests", call::lane_segment_spec(SegmentKind::requests, its.shape, its.runner));
    core_.lane_offered(its, requests.duplicate());
    if (!lanes_.contains(id)) { // else the client keeps the one that it has
      Lane& lane = lanes_[id];
      lane.shape = its.shape;
      lane.runner = its.runner;
      lane.requests = std::move(requests);
    }
  }

  void open_lane(std::uint64_t id, Fake how) {
    const auto found = lanes_.find(id);
    if (how != honest || found == lanes_.end() || found->second.replies) {
      core_.lane_opened(id, fake(how == honest ? no_segment : how, SegmentKind::replies));
      return;
    }
    Lane& lane = found->second;
    auto replies = memory::create_anonymous_segment(
        "replies", call::lane_segment_spec(SegmentKind::replies, lane.shape, lane.runner));
    lane.replies = Segment::attach_writer(replies.duplicate(),
                                          call::lane_segment_expectation(SegmentKind::replies, lane.shape), "replies");
    memory::seal_segment(replies, "replies");
    memory::seal_segment(lane.requests, "requests");
    lane.seen = Segment::attach_reader(lane.requests.duplicate(),
                                       call::lane_segment_expectation(SegmentKind::requests, lane.shape), "requests");
    if (is_valid(lane.shape)) {
      lane.server.emplace(lane.shape, lane.replies.writable_body(), lane.seen.body(),
                          call::ServerLaneOptions{call::WaitMode::spin, {}});
    }
    core_.lane_opened(id, std::move(replies));
  }

  void publish_route(std::uint64_t id, std::uint8_t word) {
    subscription_ = {static_cast<std::uint32_t>(word % 8), static_cast<std::uint32_t>(word / 8 % 4), Nanoseconds(0)};
    const std::array modules{RouteModule{.number = subscription_.number == 0 ? 1 : subscription_.number,
                                         .generation = subscription_.generation,
                                         .service = static_cast<Service>(id % 3),
                                         .runners = {0, 1, 2}}};
    RouteWriter<>(*reinterpret_cast<RouteLayout*>(route_body_.data())).publish(modules);
  }

  void serve_one(std::uint64_t id, std::uint8_t word) {
    const auto lane = lanes_.find(id);
    call::Request request;
    if (lane == lanes_.end() || !lane->second.server || !lane->second.server->poll(request)) {
      return;
    }
    auto& server = *lane->second.server;
    server.start(0, request.position, request.deadline);
    if (word % 4 == 3) {
      return; // in the middle of it
    }
    const auto buffer = server.reply_buffer(request.position, word % 80);
    server.reply(request.position, buffer.status, 0, buffer.status == CallStatus::ok ? word % 80 : 0);
    server.finish(0);
  }

  static std::span<const std::byte> payload(Input& input) {
    static constexpr std::array<std::byte, 4096> zeros{};
    return std::span(zeros).first(std::size_t{input.take<std::uint16_t>()} % zeros.size());
  }

  void keep(Reply reply) {
    require(static_cast<std::uint32_t>(reply.status()) < call_status_count, "a status that exists");
    require(reply.ok() || !reply.error().empty(), "a call that failed says why");
    touch(reply.bytes());
    replies_.push_back(std::move(reply));
    if (replies_.size() > pending_max) {
      replies_.pop_front();
    }
  }
  // A wait in vain, for an answer or for room, spins and yields for a while, which takes its time on a machine with
  // much to do.
  [[nodiscard]] bool is_patient() { return ++waits_ <= 2; }
  void start_one(std::uint8_t word, std::span<const std::byte> args) {
    if (pending_.size() == pending_max || waits_ > 2) {
      return;
    }
    auto call = core_.start(name_of(word), word % 3 == 0 ? "once" : "again", args, at_once);
    if (!call.ready()) {
      pending_.push_back(std::move(call));
      return;
    }
    auto failed = call.get();
    waits_ += failed.status() == CallStatus::lane_full ? 1 : 0;
    keep(std::move(failed));
  }
  void call_in_vain(std::uint8_t word, std::span<const std::byte> args) {
    if (is_patient()) {
      keep(core_.call(name_of(word), "again", args, at_once));
    }
  }
  void with_pending(Step step, std::uint8_t word) {
    if (pending_.empty()) {
      return;
    }
    const auto call = pending_.begin() + word % static_cast<std::ptrdiff_t>(pending_.size());
    if (step == cancel) {
      call->cancel();
      return;
    }
    const bool is_ready = call->ready();
    PendingCall taken = std::move(*call);
    pending_.erase(call);
    if (step == collect && (is_ready || is_patient())) {
      keep(taken.get());
    }
  }

  // All runners die, and with them the hope of every call.
  void end() {
    for (const auto& reply : replies_) {
      touch(reply.bytes());
    }
    for (std::uint64_t runner = 0; runner < 3; ++runner) {
      core_.runner_died(runner, "the end");
    }
    core_.scheduler_died();
    while (!pending_.empty()) {
      with_pending(collect, 0);
    }
    replies_.clear();
    core_.shut_down();
  }

  std::span<std::byte> route_body_;
  ClientCore::Subscription subscription_{1, 0, {}};
  std::map<std::uint64_t, Lane> lanes_;
  ClientCore core_;
  int waits_ = 0;
  std::deque<PendingCall> pending_;
  std::deque<Reply> replies_;
};

int next_descriptor() {
  const int next = ::dup(STDERR_FILENO);
  ::close(next);
  return next;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int before = next_descriptor();
  {
    Input input(data, size);
    Scheduler scheduler;
    for (int i = 0; !input.empty() && i < 64; ++i) {
      try {
        scheduler.run(static_cast<Step>(input.take<std::uint8_t>() % steps), input);
      } catch (const Error&) {
        // The client refuses what it was offered and tells the scheduler.
      }
    }
  }
  require(next_descriptor() == before, "a client that is gone has no descriptor left");
  return 0;
}

std::vector<Bytes> ringfleet::fuzz::seeds() {
  const auto add = [](InputMaker& input, Step step, std::uint8_t id, std::uint8_t word) -> InputMaker& {
    return input.add(step).add(id).add(word);
  };
  const auto lane = [&](InputMaker& input, std::uint8_t id, std::uint8_t word) {
    add(input, offered, id, word).add(std::uint8_t{0});
    add(input, opened, id, honest);
  };
  // Module 1, generation 0, served by every runner.
  const auto serving = [&](InputMaker& input) { add(input, route, 1, 1); };

  InputMaker calls; // answered in place, in an arena of each side, given up, answered late
  serving(calls);
  lane(calls, 0, 3);
  lane(calls, 1, 4);
  add(calls, arena_of_client, 0, 1);
  add(calls, usable, 0, 1);
  add(calls, arena_of_runner, 1, 1);
  for (std::uint8_t i = 0; i < 6; ++i) {
    add(calls, start, 0, i).add(static_cast<std::uint16_t>(i * 40));
    add(calls, serve, i % 2, i);
    add(calls, collect, 0, 0);
  }
  add(calls, call_now, 0, 0).add(std::uint16_t{10});
  add(calls, release, 0, 0);

  InputMaker deaths; // queued, started, closed; moved on to another runner, or nowhere
  serving(deaths);
  lane(deaths, 0, 3);
  for (std::uint8_t i = 0; i < 5; ++i) {
    add(deaths, start, 0, i).add(std::uint16_t{8});
  }
  add(deaths, serve, 0, 3);
  lane(deaths, 1, 4);
  add(deaths, lane_closed, 0, 0);
  add(deaths, cancel, 0, 1);
  add(deaths, drop, 0, 2);
  add(deaths, runner_died, 0, 5).add_text("ended");
  add(deaths, serve, 1, 1);
  add(deaths, collect, 0, 0);
  add(deaths, runner_died, 1, 0);
  add(deaths, collect, 0, 0);
  add(deaths, scheduler_died, 0, 0);

  InputMaker wild;
  serving(wild);
  for (std::uint8_t i = 0; i < fakes * 8; i += 3) {
    add(wild, offered, i % 4, i).add(i).add(std::uint16_t{0x4003});
    add(wild, opened, i % 4, i);
    add(wild, scribbled_lane, 0, 0).add(i).add(std::uint8_t{3}).add(std::uint64_t{i});
    add(wild, start, 0, i).add(std::uint16_t{i});
  }
  return {calls.make(), deaths.make(), wild.make()};
}
