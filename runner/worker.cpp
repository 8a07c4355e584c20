#include "worker.hpp"

#include "resource_limits.hpp"
#include "scheduler_link.hpp"

#include "ringfleet/base/error.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ringfleet::runner {
namespace {

using call::ControlMessage;
using call::ControlType;

// One lane may not keep the others waiting: after this many requests it is the next one's turn.
constexpr std::uint32_t requests_per_turn = 16;

// The reply of one request: its slot first, then blocks of the lane's arena.
class LaneReply final : public ReplyMemory {
public:
  LaneReply(call::ServerLane& lane, std::uint64_t position) noexcept : lane_(lane), position_(position) {}
  [[nodiscard]] std::span<std::byte> first() noexcept override {
    return lane_.reply_buffer(position_, lane_.shape().slot_bytes).bytes;
  }
  [[nodiscard]] std::span<std::byte> obtain(std::uint64_t bytes, std::uint64_t keep) override {
    return lane_.reply_buffer(position_, bytes, keep).bytes;
  }

private:
  call::ServerLane& lane_;
  std::uint64_t position_;
};

// For hooks whose text goes to the scheduler instead of a caller.
class PlainReply final : public ReplyMemory {
public:
  [[nodiscard]] std::span<std::byte> first() noexcept override { return {}; }
  [[nodiscard]] std::span<std::byte> obtain(std::uint64_t bytes, std::uint64_t /*resize keeps everything*/) override {
    memory_.resize(bytes);
    return memory_;
  }

private:
  std::vector<std::byte> memory_;
};

std::string text_of_reply(const ReplyWriter& reply) {
  constexpr std::size_t text_bytes_max = 4096;
  const auto bytes = reply.written().first(std::min(reply.written().size(), text_bytes_max));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace

Worker::Worker(CommandQueue& commands, call::ControlChannel& channel, NestedCalls& nested)
    : commands_(commands), channel_(channel), nested_(nested), services_(channel, nested), park_(commands.word()) {}

void Worker::run() noexcept {
  for (;;) {
    const std::uint32_t seen = commands_.word_value();
    if (seen != handled_) {
      handled_ = seen;
      if (handle_commands() == Flow::stop) {
        return;
      }
    }
    std::uint32_t served = 0;
    for (const auto& lane : lanes_) {
      served += serve(*lane, requests_per_turn);
    }
    busy_ = served != 0;
    if (!busy_) {
      park_.wait(seen, never);
    }
  }
}

Worker::Flow Worker::handle_commands() {
  while (const auto command = commands_.pop()) {
    if (std::visit([this](auto& each) { return handle(each); }, *command) == Flow::stop) {
      return Flow::stop;
    }
  }
  return Flow::go_on;
}

Worker::Flow Worker::handle(command::Load& load) {
  try {
    if (load.counters) {
      tally_.attach(load.counters, load.request.module);
    }
    limit_resources(load.request);
    auto module = load_module(load.artifact.get(), load.request.directory);
    config_ = load.request.config.empty() ? "{}" : load.request.config;
    number_ = static_cast<std::uint16_t>(load.request.number);
    nested_.set_own_number(number_);
    module->init(services_.table(), config_);
    module_ = std::move(module);
    tally_.version(module_->description().version);
    tally_.state("ready");
    send({.type = ControlType::loaded, .text = call::encode(module_->description())});
  } catch (const LoadError& error) {
    tally_.state("failed");
    send({.type = ControlType::failed,
          .a = static_cast<std::uint64_t>(error.failure()),
          .b = static_cast<std::uint64_t>(static_cast<std::int64_t>(error.module_code())),
          .text = fmt::format("{}: {}", call::to_string(error.failure()), error.what())});
  } catch (const Error& error) {
    send({.type = ControlType::failed,
          .a = static_cast<std::uint64_t>(call::LoadFailure::bad_request),
          .text = fmt::format("{}: {}", call::to_string(call::LoadFailure::bad_request), error.what())});
  }
  return Flow::go_on;
}

Worker::Flow Worker::handle(command::AddLane& add) {
  park_.add(add.lane->server());
  lanes_.push_back(add.lane);
  tally_.lanes(lanes_.size());
  send({ControlType::lane_ready, add.lane->id()});
  return Flow::go_on;
}

Worker::Flow Worker::handle(command::DropLane& drop) {
  const auto found = std::ranges::find(lanes_, drop.lane, [](const auto& lane) { return lane->id(); });
  if (found != lanes_.end()) {
    park_.remove((*found)->server());
    lanes_.erase(found);
    tally_.lanes(lanes_.size());
  }
  send({ControlType::lane_dropped, drop.lane});
  return Flow::go_on;
}

Worker::Flow Worker::handle(command::Probe& /*probe*/) {
  if (!module_) {
    send(
        {.type = ControlType::probed, .a = static_cast<std::uint64_t>(RINGFLEET_ERROR), .text = "no module is loaded"});
    return Flow::go_on;
  }
  PlainReply memory;
  ReplyWriter text(memory);
  const int code = module_->health(text);
  send({.type = ControlType::probed, .a = static_cast<std::uint64_t>(std::int64_t{code}), .text = text_of_reply(text)});
  return Flow::go_on;
}

Worker::Flow Worker::handle(command::Drain& drain) {
  tally_.state("draining");
  // What was published when the drain began is at most one full ring; a caller that goes on publishing cannot keep the
  // lane open, what it publishes beyond `closed` moves on.
  for (const auto& lane : lanes_) {
    std::uint32_t left = lane->server().is_closed() ? 0 : lane->server().shape().slots;
    while (left > 0 && monotonic_now() < drain.deadline_ns) {
      const std::uint32_t served = serve(*lane, std::min(left, requests_per_turn));
      left = served == 0 ? 0 : left - served;
    }
  }
  close_lanes();
  tally_.state("drained");
  send({ControlType::drained, tally_.executed_total()});
  return Flow::go_on;
}

Worker::Flow Worker::handle(command::Stop& /*stop*/) {
  close_lanes();
  if (module_) {
    module_->quiesce();
    if (const int code = module_->shutdown(); code != 0) {
      services_.log(RINGFLEET_LOG_WARNING, fmt::format("shutdown returned {}", code));
    }
  }
  tally_.state("stopped");
  return Flow::stop;
}

std::uint32_t Worker::serve(RunnerLane& lane, std::uint32_t requests_max) {
  std::uint32_t served = 0;
  call::Request request;
  while (served < requests_max && lane.server().poll(request)) {
    execute(lane, request, busy_ || served > 0);
    ++served;
  }
  if (lane.server().bad_requests() != lane.reported_violations()) {
    report_violations(lane);
  }
  return served;
}

void Worker::execute(RunnerLane& lane, const call::Request& request, bool may_be_late) {
  call::ServerLane& server = lane.server();
  const CallStatus verdict = verdict_before(lane, request, may_be_late);
  if (verdict != CallStatus::ok) {
    server.reply(request.position, verdict);
    tally_.refused();
    return;
  }
  server.start(0, request.position, request.deadline);
  services_.begin({&lane, request.position, request.deadline, request.chain});
  LaneReply memory(server, request.position);
  ReplyWriter reply(memory);
  const Outcome outcome = module_->call(request.method, request.payload, reply);
  services_.end();
  const bool has_bytes = outcome.status == CallStatus::ok || outcome.status == CallStatus::module_error ||
                         outcome.status == CallStatus::module_exception;
  const std::size_t bytes = has_bytes ? reply.written().size() : 0;
  server.reply(request.position, outcome.status, outcome.module_code, static_cast<std::uint32_t>(bytes));
  server.finish(0);
  tally_.executed(outcome, request.payload.size(), bytes);
}

CallStatus Worker::verdict_before(const RunnerLane& lane, const call::Request& request, bool may_be_late) const {
  if (!module_) {
    return CallStatus::no_runner;
  }
  if (lane.is_cancelled(request.position)) {
    return CallStatus::cancelled;
  }
  // The first request after an idle look is as fresh as they come: no need for the clock.
  if (may_be_late && request.deadline != never && monotonic_now() >= request.deadline) {
    return CallStatus::deadline_exceeded;
  }
  if (request.chain[0] != 0 && std::ranges::find(request.chain, number_) != request.chain.end()) {
    return CallStatus::call_cycle;
  }
  return CallStatus::ok;
}

void Worker::close_lanes() {
  for (const auto& lane : lanes_) {
    if (!lane->server().is_closed()) {
      lane->server().close();
    }
  }
}

void Worker::report_violations(RunnerLane& lane) {
  lane.set_reported_violations(lane.server().bad_requests());
  send({.type = ControlType::violation,
        .a = lane.id(),
        .text = fmt::format("lane {}: {} requests with a length or offset outside the lane", lane.id(),
                            lane.server().bad_requests())});
}

void Worker::send(const ControlMessage& message) {
  tell_scheduler(channel_, message);
}

} // namespace ringfleet::runner
