#pragma once

// A scheduler and a client in one, as small as they can be: starts a real ringfleet-runner, talks to it over the
// control socket, makes lanes with real sealed segments, and calls. Every wait is bounded; a wait that ends without its
// event throws, so a test fails instead of hanging.

#include "ringfleet/call/caller_lane.hpp"
#include "ringfleet/call/control_message.hpp"
#include "ringfleet/call/handshake.hpp"
#include "ringfleet/call/method_id.hpp"
#include "ringfleet/memory/obituary.hpp"
#include "ringfleet/memory/segment.hpp"
#include "ringfleet/os/child_process.hpp"

#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace ringfleet::test {

[[nodiscard]] std::string test_module(std::string_view name);    // of tests/module
[[nodiscard]] std::string shipped_module(std::string_view name); // of runner/modules

struct Answer {
  CallStatus status = CallStatus::ok;
  std::int32_t module_code = 0;
  std::vector<std::byte> bytes;
  [[nodiscard]] std::string text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
};

class HarnessLane;

class RunnerProcess {
public:
  RunnerProcess();
  RunnerProcess(const RunnerProcess&) = delete;
  RunnerProcess& operator=(const RunnerProcess&) = delete;
  ~RunnerProcess(); // kills what still lives

  // Sends the module's bytes as a sealed copy. The answer is `loaded` or `failed`.
  void send_load(const std::string& path, const std::string& config = "{}");
  void send_load_bytes(std::span<const std::byte> artifact, const std::string& config = "{}");
  call::ControlMessage load(const std::string& path, const std::string& config = "{}");
  call::ControlMessage load_bytes(std::span<const std::byte> artifact);

  std::unique_ptr<HarnessLane> open_lane(call::LaneShape shape = {.slots = 16, .slot_bytes = 256, .workers = 1});

  void send(call::ControlType type, std::uint64_t a = 0, std::uint64_t b = 0, std::string text = {},
            std::span<const int> descriptors = {});
  // The next message of this type; others that came before it stay for later.
  call::ControlMessage expect(call::ControlType type);
  [[nodiscard]] bool has(call::ControlType type);
  // As a scheduler that is stopped, and continued.
  void read_messages(bool yes);

  os::ExitStatus wait_for_exit();
  // Of stdout and stderr together, what has come so far; all of it after wait_for_exit().
  [[nodiscard]] std::string output();
  [[nodiscard]] os::ChildProcess& process() noexcept { return child_; }
  [[nodiscard]] memory::Obituary& obituary() noexcept { return obituary_; }
  void close_channel();

private:
  friend class HarnessLane;
  void pump();
  void serve_arena(call::ControlMessage& message);

  os::Descriptor output_;
  os::ChildProcess child_;
  call::ControlChannel channel_;
  memory::Obituary obituary_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<call::ControlMessage> inbox_;
  std::map<std::uint64_t, HarnessLane*> lanes_;
  bool closed_ = false;
  bool stopping_ = false;
  bool reading_ = true;
  std::uint64_t next_lane_ = 1;
  std::uint32_t offered_ = 0;
  std::string text_;
  std::thread pump_;
};

class HarnessLane {
public:
  HarnessLane(RunnerProcess& runner, std::uint64_t id, call::LaneShape shape);
  ~HarnessLane();
  HarnessLane(const HarnessLane&) = delete;
  HarnessLane& operator=(const HarnessLane&) = delete;

  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] call::CallerLane& caller() noexcept { return *caller_; }
  // Starts and waits; a runner that dies in between is reported as runner_lost once the pidfd says so.
  Answer call(std::string_view method, std::span<const std::byte> args, MonotonicNs deadline = never);
  Answer call(std::string_view method, std::string_view args = {}, MonotonicNs deadline = never) {
    return call(method, std::as_bytes(std::span(args)), deadline);
  }
  template <typename T>
    requires std::is_trivially_copyable_v<T> && (!std::is_convertible_v<T, std::string_view>)
  Answer call_with(std::string_view method, const T& value) {
    return call(method, std::as_bytes(std::span(&value, 1)));
  }
  // The raw id, for level 1.
  Answer call_id(std::uint32_t method, std::span<const std::byte> args, MonotonicNs deadline = never,
                 const call::Chain& chain = {});
  std::uint64_t start(std::string_view method, std::string_view args = {}, MonotonicNs deadline = never);
  Answer finish(std::uint64_t position);

private:
  friend class RunnerProcess;
  bool obtain_arena(std::uint64_t bytes);

  RunnerProcess& runner_;
  std::uint64_t id_;
  memory::Segment requests_;
  memory::Segment replies_;
  std::list<memory::Segment> arenas_;
  std::map<std::uint32_t, os::Descriptor> offered_;
  std::unique_ptr<call::CallerLane> caller_;
};

} // namespace ringfleet::test
