// Call lanes, killed after each instruction: a runner that takes, announces, answers and closes; a client that claims,
// publishes and gives back. And the route: a writer that is killed while it publishes, a client inside an epoch.
// faults 2, 3, 4, 5, 7, 28, 39.

#include "message.hpp"
#include "ringfleet/call/lane_caller.hpp"
#include "ringfleet/call/lane_server.hpp"
#include "ringfleet/fleet/epoch.hpp"
#include "ringfleet/fleet/route.hpp"
#include "stepkill.hpp"

#include <cstring>
#include <optional>
#include <string>
#include <vector>

using namespace ringfleet;
using namespace ringfleet::kill;
using namespace ringfleet::call;

namespace {

constexpr LaneShape lane_shape{.slots = 4, .slot_bytes = 64};

struct LaneBytes {
  alignas(page_bytes) std::byte client[round_up<std::size_t>(client_body_bytes(lane_shape), page_bytes)];
  alignas(page_bytes) std::byte runner[round_up<std::size_t>(runner_body_bytes(lane_shape), page_bytes)];
};

std::span<const std::byte> bytes_of(const Message& message) {
  return std::as_bytes(std::span(message.words));
}
bool is_message(std::span<const std::byte> bytes, std::uint64_t number) {
  const auto wanted = Message::of(number);
  return bytes.size() == sizeof wanted && std::memcmp(bytes.data(), &wanted, sizeof wanted) == 0;
}

struct Shape {
  std::uint64_t position;
  std::uint64_t before;  // calls that were answered and given back before
  std::uint64_t pending; // calls in the lane behind the one of the operation
  bool closes = false;
};

// Both sides of a lane over one memory; requests carry their position, replies twice that.
struct BothSides {
  BothSides(LaneBytes& memory, std::uint64_t first)
      : server(lane_shape, memory.runner, memory.client, first),
        caller(lane_shape, memory.client, memory.runner, first) {}

  static std::uint64_t answer_to(std::uint64_t position) { return position * 2 + 1; }

  bool publish_call() {
    const auto claim = caller.try_claim();
    if (claim.kind != ClaimKind::claimed) {
      return false;
    }
    caller.fill(claim.position, {.method = 5}, bytes_of(Message::of(claim.position)));
    caller.publish(claim.position, false);
    return true;
  }
  // Empty: it was as it must be.
  std::string serve_one() {
    Request request;
    if (server.poll(arenas, request) != Taken::request) {
      return "there is no request";
    }
    server.start(0, request.position, request.deadline);
    const bool is_whole = request.method == 5 && is_message(request.payload, request.position);
    const auto reply = Message::of(answer_to(request.position));
    std::memcpy(server.reply_inline(request.position).data(), &reply, sizeof reply);
    server.publish_reply(request.position, CallStatus::ok, 9, sizeof reply);
    server.finish(0);
    return is_whole ? "" : "a request is torn or foreign";
  }
  bool is_answered_well(std::uint64_t position) {
    ReplyView view;
    return caller.poll(position, arenas, view) == Polled::replied && view.status == CallStatus::ok &&
           view.module_code == 9 && is_message(view.bytes, answer_to(position));
  }

  frame::ArenaViews arenas;
  LaneServer<> server;
  LaneCaller<> caller;
};

// The runner dies. Its memory is what it left; the caller says what became of each call, and it must be so.
class Serving : public World {
public:
  using Memory = LaneBytes;
  Serving(Memory& memory, const Shape& shape) : shape_(shape) {
    std::memset(static_cast<void*>(&memory), 0, sizeof memory);
    lane_.emplace(memory, shape.position - shape.before);
    for (std::uint64_t i = 0; i < shape.before; ++i) {
      (void)lane_->publish_call();
      (void)lane_->serve_one();
      (void)lane_->caller.release(shape.position - shape.before + i);
    }
    for (std::uint64_t i = 0; i < 1 + shape.pending; ++i) {
      (void)lane_->publish_call();
    }
  }
  void operate() override {
    (void)lane_->serve_one();
    if (shape_.closes) {
      (void)lane_->server.close();
    }
  }
  void recover() override { (void)lane_->caller.classify(); }
  Verdict verdict() override {
    const auto fates = lane_->caller.classify();
    Verdict verdict;
    switch (fates.of(shape_.position)) {
    case Fate::queued: verdict.outcome = 0; break;
    case Fate::started: verdict.outcome = 1; break;
    case Fate::replied:
      verdict.outcome = 2;
      if (!lane_->is_answered_well(shape_.position)) {
        verdict.wrong = "a reply is there that is not whole";
      }
      break;
    }
    if (verdict.wrong.empty() && fates.all_started) {
      verdict.wrong = "an honest runner's memory is called implausible";
    }
    for (std::uint64_t i = 1; i <= shape_.pending && verdict.wrong.empty(); ++i) {
      if (fates.of(shape_.position + i) != Fate::queued) {
        verdict.wrong = "a call that was never started is not queued";
      }
    }
    using Close = LaneCaller<>::CloseVerdict;
    const auto close = lane_->caller.close_verdict(shape_.position + shape_.pending);
    if (close != Close::open) {
      ++verdict.outcome;
      if (verdict.wrong.empty() && close != (shape_.pending == 0 ? Close::will_be_answered : Close::never_executed)) {
        verdict.wrong = "the close says something else than what was executed";
      }
    }
    return verdict;
  }
  std::uint64_t promised() const override { return shape_.closes ? 3 : 2; }

private:
  Shape shape_;
  std::optional<BothSides> lane_;
};

// The client dies while it publishes or gives back. The runner answers what is published, whole, and goes on with it.
class Calling : public World {
public:
  using Memory = LaneBytes;
  Calling(Memory& memory, const Shape& shape) : shape_(shape) {
    std::memset(static_cast<void*>(&memory), 0, sizeof memory);
    lane_.emplace(memory, shape.position - shape.before);
    for (std::uint64_t i = 0; i < shape.before; ++i) {
      (void)lane_->publish_call();
      (void)lane_->serve_one();
      if (i + 1 != shape.before) {
        (void)lane_->caller.release(shape.position - shape.before + i);
      }
    }
  }
  void operate() override {
    if (shape_.before != 0) {
      (void)lane_->caller.release(shape_.position - 1);
    }
    (void)lane_->publish_call();
  }
  void recover() override {}
  Verdict verdict() override {
    Verdict verdict;
    if (lane_->server.has_request()) {
      verdict.outcome = 1;
      verdict.wrong = lane_->serve_one();
    }
    if (verdict.wrong.empty() && lane_->server.has_request()) {
      verdict.wrong = "there is a request that nobody made";
    }
    return verdict;
  }
  std::uint64_t promised() const override { return 1; }

private:
  Shape shape_;
  std::optional<BothSides> lane_;
};

// The scheduler dies while it puts another route in force.
class Flipping : public World {
public:
  using Memory = fleet::RouteLayout;
  Flipping(Memory& memory, std::uint64_t epoch) : memory_(memory) {
    std::memset(static_cast<void*>(&memory), 0, sizeof memory);
    memory.epoch = epoch - 1;
    fleet::RouteWriter<>(memory).publish(std::array{module_of(1)});
  }
  void operate() override { fleet::RouteWriter<>(memory_).publish(std::array{module_of(2)}); }
  void recover() override {}
  Verdict verdict() override {
    Verdict verdict;
    if (auto wrong = read(verdict.outcome); !wrong.empty()) {
      return {wrong, 0};
    }
    // The next scheduler of the same memory.
    fleet::RouteWriter<>(memory_).publish(std::array{module_of(2)});
    std::uint64_t after = 0;
    verdict.wrong = read(after);
    if (verdict.wrong.empty() && after != 1) {
      verdict.wrong = "the next route is not in force";
    }
    return verdict;
  }
  std::uint64_t promised() const override { return 1; }

private:
  static fleet::RouteModule module_of(std::uint64_t version) {
    return {.number = 3,
            .generation = static_cast<std::uint32_t>(version),
            .service = fleet::Service::serving,
            .runners = {100 * version, 100 * version + 1, 100 * version + 2}};
  }
  std::string read(std::uint64_t& outcome) {
    const fleet::RouteReader<> reader(memory_);
    const auto module = reader.read(3, reader.epoch());
    if (!module) {
      return "a reader is told to look again, for ever";
    }
    const auto wanted = module_of(module->generation);
    if ((module->generation != 1 && module->generation != 2) || module->service != wanted.service ||
        module->runners != wanted.runners) {
      return "the route in force is torn";
    }
    outcome = module->generation - 1;
    return {};
  }

  Memory& memory_;
};

// A client dies while it goes in and out of an epoch: its line says that it is inside, or that it is not.
class Visiting : public World {
public:
  struct Memory {
    fleet::RouteLayout route;
    fleet::EpochLayout page;
  };
  Visiting(Memory& memory, std::uint64_t epoch) : memory_(memory), epoch_(epoch) {
    std::memset(static_cast<void*>(&memory), 0, sizeof memory);
    memory.route.epoch = epoch;
  }
  void operate() override {
    const fleet::RouteReader<> route(memory_.route);
    const fleet::EpochSection<> inside(memory_.page.lines[1], route);
    Atomics::store_release(memory_.page.lines[2].reserved[0], std::uint64_t{1}); // it has been inside
  }
  void recover() override {}
  Verdict verdict() override {
    const bool is_inside = fleet::EpochPage<>(memory_.page).inside_before(epoch_ + 1);
    const bool has_been = memory_.page.lines[2].reserved[0] != 0;
    const bool is_over = has_been && !is_inside;
    if (memory_.page.lines[1].inside != 0 && memory_.page.lines[1].inside != epoch_) {
      return {"the line names an epoch that never was", 0};
    }
    return {"", is_over ? 2U : is_inside ? 1U : 0U};
  }
  std::uint64_t promised() const override { return 2; }

private:
  Memory& memory_;
  std::uint64_t epoch_;
};

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  for (const std::uint64_t phase : {0U, 1U}) {
    for (const auto& place : places(lane_shape.slots, phase)) {
      const auto add = [&](const char* what, const Shape& shape, bool is_client) {
        const auto name = fmt::format("{}, {} before, {} behind, {}", what, shape.before, shape.pending, place.name);
        all.push_back(is_client ? scenario_of<Calling>(name, shape) : scenario_of<Serving>(name, shape));
      };
      add("serve", {.position = place.position, .before = 0, .pending = 0}, false);
      add("serve", {.position = place.position, .before = 2, .pending = 3}, false);
      add("serve and close", {.position = place.position, .before = 1, .pending = 0, .closes = true}, false);
      add("serve and close", {.position = place.position, .before = 0, .pending = 2, .closes = true}, false);
      add("call", {.position = place.position, .before = 0, .pending = 0}, true);
      add("give back and call", {.position = place.position, .before = 4, .pending = 0}, true);
    }
  }
  for (const std::uint64_t epoch : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{1} << 32}) {
    all.push_back(scenario_of<Flipping>(fmt::format("flip from epoch {}", epoch), epoch));
    all.push_back(scenario_of<Visiting>(fmt::format("visit epoch {}", epoch), epoch));
  }
  return all;
}

} // namespace

int main(int argc, char** argv) {
  return stepkill_main(argc, argv, "stepkill_call", scenarios());
}
