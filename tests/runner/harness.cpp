#include "harness.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/call/lane_segment.hpp"
#include "ringfleet/os/mapping.hpp"
#include "ringfleet/os/memory_file.hpp"
#include "ringfleet/os/process.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <unistd.h>

namespace ringfleet::test {
namespace {

using namespace std::chrono_literals;
using call::ControlMessage;
using call::ControlType;

constexpr Nanoseconds patience = 30s;
constexpr Nanoseconds slice = 20ms;

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr) {
    throw std::runtime_error(std::string(name) + " is not set: run this through meson test");
  }
  return value;
}

memory::SegmentSpec spec_of(memory::SegmentKind kind, std::uint64_t bytes, std::uint64_t fingerprint) {
  return {.kind = kind, .body_bytes = bytes, .generation = 1, .fingerprint = fingerprint};
}

memory::Expectation expectation_of(const memory::SegmentSpec& spec) {
  return {.kind = spec.kind, .body_bytes_min = spec.body_bytes, .fingerprint = spec.fingerprint, .generation = {}};
}

} // namespace

std::string test_module(std::string_view name) {
  return environment("RINGFLEET_TEST_MODULES") + "/" + std::string(name) + ".so";
}
std::string shipped_module(std::string_view name) {
  return environment("RINGFLEET_MODULES") + "/" + std::string(name) + ".so";
}

RunnerProcess::RunnerProcess() {
  auto [ours, theirs] = os::Socket::pair();
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw Error::from_errno("pipe", errno);
  }
  output_ = os::Descriptor(ends[0]);
  fcntl(output_.get(), F_SETFL, O_NONBLOCK);
  const os::Descriptor output_of_child(ends[1]);
  os::SpawnRequest request;
  request.path = environment("RINGFLEET_RUNNER");
  request.argv = {request.path};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with("LD_LIBRARY_PATH=")) {
      request.env.emplace_back(*variable);
    }
  }
  request.env.push_back("LD_LIBRARY_PATH=" + environment("RINGFLEET_TEST_MODULES"));
  request.descriptors = {
      {theirs.fd(), 3}, {output_of_child.get(), STDOUT_FILENO}, {output_of_child.get(), STDERR_FILENO}};
  child_ = os::ChildProcess(request);
  channel_ = call::ControlChannel(std::move(ours));
  pump_ = std::thread([this] { pump(); });
}

RunnerProcess::~RunnerProcess() {
  child_.signal(SIGKILL);
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_all();
  pump_.join();
}

void RunnerProcess::read_messages(bool yes) {
  const std::lock_guard lock(mutex_);
  reading_ = yes;
  arrived_.notify_all();
}

void RunnerProcess::pump() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [&] { return reading_ || stopping_; });
    }
    ControlMessage message;
    const auto status =
        channel_ ? channel_.receive(message, deadline_after(monotonic_now(), slice)) : os::SocketStatus::closed;
    if (status == os::SocketStatus::ok && message.type == ControlType::arena_wanted) {
      serve_arena(message);
    } else if (status == os::SocketStatus::ok && message.type == ControlType::arena_mapped) {
      serve_arena(message);
    } else {
      const std::lock_guard lock(mutex_);
      if (status == os::SocketStatus::ok) {
        inbox_.push_back(std::move(message));
      }
      closed_ = closed_ || status == os::SocketStatus::closed;
      arrived_.notify_all();
      if (stopping_ || closed_) {
        return;
      }
    }
  }
}

// The scheduler's part in the growth of a reply arena, and the client's: map it, then say so.
void RunnerProcess::serve_arena(ControlMessage& message) {
  const std::lock_guard lock(mutex_);
  const auto found = lanes_.find(message.a);
  if (found == lanes_.end()) {
    return;
  }
  HarnessLane& lane = *found->second;
  if (message.type == ControlType::arena_wanted) {
    const std::uint32_t number = ++offered_;
    auto arena = memory::create_anonymous_segment("arena", spec_of(memory::SegmentKind::arena, message.c, 0));
    const std::array descriptors{arena.get()};
    (void)channel_.send({ControlType::arena_offer, lane.id(), number, message.c}, descriptors);
    lane.offered_.emplace(number, std::move(arena));
    return;
  }
  const auto number = static_cast<std::uint32_t>(message.b);
  auto node = lane.offered_.extract(number);
  if (node.empty()) {
    return; // not offered by us
  }
  memory::seal_segment(node.mapped(), "arena");
  lane.arenas_.push_back(memory::Segment::attach_reader(
      std::move(node.mapped()), expectation_of(spec_of(memory::SegmentKind::arena, 1, 0)), "arena"));
  (void)lane.caller().open_reply_arena(number, lane.arenas_.back().body());
  (void)channel_.send({ControlType::arena_ready, lane.id(), number});
}

void RunnerProcess::send(ControlType type, std::uint64_t a, std::uint64_t b, std::string text,
                         std::span<const int> descriptors) {
  ControlMessage message{type, a, b};
  message.text = std::move(text);
  if (channel_.send(message, descriptors, deadline_after(monotonic_now(), patience)) != os::SocketStatus::ok) {
    throw std::runtime_error("the runner does not take '" + std::string(to_string(type)) + "'");
  }
}

ControlMessage RunnerProcess::expect(ControlType type) {
  std::unique_lock lock(mutex_);
  std::deque<ControlMessage>::iterator found;
  const bool came = arrived_.wait_for(lock, patience, [&] {
    found = std::ranges::find(inbox_, type, &ControlMessage::type);
    return found != inbox_.end() || closed_;
  });
  if (!came || found == inbox_.end()) {
    throw std::runtime_error("no message '" + std::string(to_string(type)) + "' came; output: " + output());
  }
  ControlMessage message = std::move(*found);
  inbox_.erase(found);
  return message;
}

bool RunnerProcess::has(ControlType type) {
  const std::lock_guard lock(mutex_);
  return std::ranges::find(inbox_, type, &ControlMessage::type) != inbox_.end();
}

void RunnerProcess::send_load_bytes(std::span<const std::byte> artifact, const std::string& config) {
  const auto file = os::create_executable_memory_file("module", std::max<std::size_t>(artifact.size(), 1));
  if (ftruncate(file.get(), static_cast<off_t>(artifact.size())) != 0 && artifact.empty()) {
    // The size is sealed from birth: an empty artifact cannot be made this way.
    throw Error::from_errno("empty artifact", errno);
  }
  std::size_t done = 0;
  while (done < artifact.size()) {
    const ssize_t wrote = pwrite(file.get(), artifact.data() + done, artifact.size() - done, static_cast<off_t>(done));
    if (wrote <= 0) {
      throw Error::from_errno("write the artifact", errno);
    }
    done += static_cast<std::size_t>(wrote);
  }
  os::seal_immutable(file.get(), "module");
  const std::array descriptors{file.get()};
  send(ControlType::load, 0, 0,
       call::encode(call::LoadRequest{
           .module = "module", .number = 1, .name = "module", .config = config, .directory = "/nowhere"}),
       descriptors);
}

void RunnerProcess::send_load(const std::string& path, const std::string& config) {
  std::ifstream file(path, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  if (content.empty()) {
    throw std::runtime_error("cannot read " + path);
  }
  send_load_bytes(std::as_bytes(std::span(content)), config);
}

ControlMessage RunnerProcess::load(const std::string& path, const std::string& config) {
  send_load(path, config);
  std::unique_lock lock(mutex_);
  arrived_.wait_for(lock, patience, [&] {
    return closed_ || std::ranges::any_of(inbox_, [](const auto& message) {
             return message.type == ControlType::loaded || message.type == ControlType::failed;
           });
  });
  lock.unlock();
  return expect(has(ControlType::failed) ? ControlType::failed : ControlType::loaded);
}

ControlMessage RunnerProcess::load_bytes(std::span<const std::byte> artifact) {
  send_load_bytes(artifact);
  return expect(ControlType::failed);
}

os::ExitStatus RunnerProcess::wait_for_exit() {
  const MonotonicNs deadline = deadline_after(monotonic_now(), patience);
  std::optional<os::ExitStatus> status;
  while (!(status = child_.try_reap())) {
    if (monotonic_now() > deadline) {
      throw std::runtime_error("the runner does not end");
    }
    std::this_thread::yield();
  }
  return *status;
}

std::string RunnerProcess::output() {
  std::array<char, 4096> buffer{};
  ssize_t got = 0;
  while ((got = read(output_.get(), buffer.data(), buffer.size())) > 0) {
    text_.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text_;
}

void RunnerProcess::close_channel() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  pump_.join();
  channel_.close();
  pump_ = std::thread([] {});
}

std::unique_ptr<HarnessLane> RunnerProcess::open_lane(call::LaneShape shape) {
  return std::make_unique<HarnessLane>(*this, next_lane_++, shape);
}

HarnessLane::HarnessLane(RunnerProcess& runner, std::uint64_t id, call::LaneShape shape) : runner_(runner), id_(id) {
  const auto requests = call::lane_segment_spec(memory::SegmentKind::requests, shape, 1);
  const auto replies = call::lane_segment_spec(memory::SegmentKind::replies, shape, 1);
  auto request_file = memory::create_anonymous_segment("requests", requests);
  auto reply_file = memory::create_anonymous_segment("replies", replies);

  ControlMessage offer{ControlType::lane_offer, id, shape.slots, shape.slot_bytes};
  offer.d = shape.workers;
  const std::array offered{reply_file.get()};
  if (runner.channel_.send(offer, offered) != os::SocketStatus::ok) {
    throw std::runtime_error("the runner does not take the offer of a lane");
  }
  (void)runner.expect(ControlType::lane_mapped);
  memory::seal_segment(reply_file, "replies");
  requests_ = memory::Segment::attach_writer(request_file.duplicate(), expectation_of(requests), "requests");
  memory::seal_segment(request_file, "requests");
  replies_ = memory::Segment::attach_reader(std::move(reply_file), expectation_of(replies), "replies");
  call::CallerLaneOptions options;
  options.obituary = &runner.obituary();
  options.arena_wanted = [this](std::uint64_t bytes, MonotonicNs) { return obtain_arena(bytes); };
  caller_ = std::make_unique<call::CallerLane>(shape, requests_.writable_body(), replies_.body(), std::move(options));
  {
    const std::lock_guard lock(runner.mutex_);
    runner.lanes_.emplace(id, this);
  }
  const std::array opened{request_file.get()};
  runner.send(ControlType::lane_open, id, 0, {}, opened);
  (void)runner.expect(ControlType::lane_ready);
}

HarnessLane::~HarnessLane() {
  const std::lock_guard lock(runner_.mutex_);
  runner_.lanes_.erase(id_);
}

bool HarnessLane::obtain_arena(std::uint64_t bytes) {
  const std::uint64_t size = caller_->arena_growth_for(bytes);
  if (size == 0) {
    return false;
  }
  const auto spec = spec_of(memory::SegmentKind::arena, size, 0);
  auto file = memory::create_anonymous_segment("arena", spec);
  auto segment = memory::Segment::attach_writer(file.duplicate(), expectation_of(spec), "arena");
  memory::seal_segment(file, "arena");
  const std::uint32_t number = caller_->next_arena_number();
  const std::array descriptors{file.get()};
  runner_.send(ControlType::arena_open, id_, number, {}, descriptors);
  (void)runner_.expect(ControlType::arena_ready);
  const std::lock_guard lock(runner_.mutex_);
  arenas_.push_back(std::move(segment));
  caller_->add_arena(arenas_.back().writable_body());
  return true;
}

std::uint64_t HarnessLane::start(std::string_view method, std::string_view args, MonotonicNs deadline) {
  const auto started =
      caller_->start({.method = call::method_id(method), .deadline = deadline, .chain = {}},
                     std::as_bytes(std::span(args)), call::Delivery::held, deadline_after(monotonic_now(), patience));
  if (started.status != call::StartStatus::started) {
    throw std::runtime_error("the call does not start");
  }
  return started.position;
}

Answer HarnessLane::finish(std::uint64_t position) {
  const MonotonicNs give_up = deadline_after(monotonic_now(), patience);
  for (;;) {
    auto waited = caller_->wait(position, deadline_after(monotonic_now(), slice));
    switch (waited.status) {
    case call::WaitStatus::replied: {
      Answer answer{
          waited.reply.status, waited.reply.module_code, {waited.reply.bytes.begin(), waited.reply.bytes.end()}};
      if (!waited.moved) {
        caller_->release(position);
      }
      return answer;
    }
    case call::WaitStatus::never_executed: caller_->abandon(position); return {CallStatus::no_runner, 0, {}};
    case call::WaitStatus::dead: {
      const bool was_queued = caller_->fate(position) == call::Fate::queued;
      caller_->abandon(position);
      return {was_queued ? CallStatus::no_runner : CallStatus::runner_lost, 0, {}};
    }
    case call::WaitStatus::bad_reply: caller_->abandon(position); return {CallStatus::bad_reply, 0, {}};
    default: break;
    }
    if (os::is_dead(runner_.process().pidfd())) {
      caller_->mark_dead();
      runner_.obituary().announce();
    } else if (monotonic_now() > give_up) {
      throw std::runtime_error("no reply came; output: " + runner_.output());
    }
  }
}

Answer HarnessLane::call_id(std::uint32_t method, std::span<const std::byte> args, MonotonicNs deadline,
                            const call::Chain& chain) {
  const auto started = caller_->start({.method = method, .deadline = deadline, .chain = chain}, args,
                                      call::Delivery::held, deadline_after(monotonic_now(), patience));
  switch (started.status) {
  case call::StartStatus::started: return finish(started.position);
  case call::StartStatus::too_large: return {CallStatus::too_large, 0, {}};
  case call::StartStatus::no_space: return {CallStatus::no_space, 0, {}};
  default: return {CallStatus::no_runner, 0, {}};
  }
}

Answer HarnessLane::call(std::string_view method, std::span<const std::byte> args, MonotonicNs deadline) {
  return call_id(call::method_id(method), args, deadline);
}

} // namespace ringfleet::test
