#pragma once

// A lane between two processes over sealed anonymous segments: this process is the client, a forked child the runner.
// The child counts in a ledger that both have mapped how often it executed each call, before it replies.

#include "../os/forked_child.hpp"
#include "lane_fixture.hpp"
#include "ringfleet/call/lane_segment.hpp"
#include "ringfleet/memory/segment.hpp"
#include "ringfleet/memory/watcher.hpp"
#include "ringfleet/os/process.hpp"

#include <array>
#include <mutex>
#include <optional>

namespace ringfleet::call::test {

inline memory::SegmentSpec spec_of(memory::SegmentKind kind, const LaneShape& shape) {
  return lane_segment_spec(kind, shape, 1);
}
inline memory::Expectation expectation_of(memory::SegmentKind kind, const LaneShape& shape) {
  return lane_segment_expectation(kind, shape, 1);
}

// Mapped by both before the fork.
class Ledger {
public:
  explicit Ledger(std::uint64_t calls_max) : memory_(os::Mapping::heap(calls_max * sizeof(std::uint32_t))) {}

  [[nodiscard]] std::uint64_t calls_max() const noexcept { return memory_.size_bytes() / sizeof(std::uint32_t); }
  void count(std::uint64_t id) noexcept { Atomics::fetch_add(entry(id), std::uint32_t{1}); }
  [[nodiscard]] std::uint32_t executed(std::uint64_t id) noexcept { return Atomics::load_acquire(entry(id)); }

private:
  [[nodiscard]] std::uint32_t& entry(std::uint64_t id) noexcept {
    return reinterpret_cast<std::uint32_t*>(memory_.writable_bytes().data())[id];
  }
  os::Mapping memory_;
};

// A call of these tests and its answer: `id`, then a pattern of it, `bytes` in all.
struct CallText {
  std::uint64_t id = 0;
  std::uint64_t bytes = sizeof(CallText);
};

struct LaneProcessOptions {
  LaneShape shape{8, 64, 1};
  WaitMode mode = WaitMode::park;
  bool with_arenas = false;
};

class LaneProcess {
public:
  LaneProcess(const LaneProcessOptions& options, Ledger& ledger)
      : options_(options), ledger_(ledger), shared_(os::Mapping::heap(page_bytes)),
        requests_(memory::create_anonymous_segment("requests", spec_of(memory::SegmentKind::requests, options.shape))),
        replies_(memory::create_anonymous_segment("replies", spec_of(memory::SegmentKind::replies, options.shape))) {
    if (options.with_arenas) {
      request_arena_ = os::Mapping::heap(limits::arena_bytes_first);
      reply_arena_ = os::Mapping::heap(limits::arena_bytes_first);
    }
    const auto parent = ::getpid();
    pid_ = ringfleet::test::fork_child([&] { return run_child(parent); });
    pidfd_ = os::open_pidfd(pid_);
    await_phase(1);
    client_ = memory::Segment::attach_writer(requests_copy(),
                                             expectation_of(memory::SegmentKind::requests, options.shape), "requests");
    memory::seal_segment(requests_, "requests");
    memory::seal_segment(replies_, "replies");
    set_phase(2);
    await_phase(3);
    runner_ = memory::Segment::attach_reader(os::Descriptor(::dup(replies_.get())),
                                             expectation_of(memory::SegmentKind::replies, options.shape), "replies");
    caller.emplace(options.shape, client_.writable_body(), runner_.body(),
                   CallerLaneOptions{.mode = options.mode, .obituary = &obituary_, .arena_wanted = {}});
    if (options.with_arenas) {
      caller->add_arena(request_arena_.writable_bytes());
      (void)caller->open_reply_arena(1, reply_arena_.bytes());
    }
    watcher_.emplace(obituary_);
    watcher_->watch_death(pidfd_, [this] { caller->mark_dead(); });
  }
  ~LaneProcess() {
    if (pid_ != 0) {
      kill_and_reap();
    }
  }
  LaneProcess(const LaneProcess&) = delete;
  LaneProcess& operator=(const LaneProcess&) = delete;

  void kill() noexcept { ::kill(pid_, SIGKILL); }
  os::ExitStatus kill_and_reap() {
    kill();
    const auto status = ringfleet::test::wait_for_child(pid_);
    pid_ = 0;
    return status;
  }
  [[nodiscard]] bool is_gone() const { return os::is_dead(pidfd_); }

private:
  struct Phase {
    std::uint32_t word;
  };
  [[nodiscard]] std::uint32_t& phase() noexcept {
    return reinterpret_cast<Phase*>(shared_.writable_bytes().data())->word;
  }
  void set_phase(std::uint32_t value) noexcept {
    Atomics::store_release(phase(), value);
    os::futex_wake(phase(), os::wake_all);
  }
  void await_phase(std::uint32_t wanted) {
    const auto deadline = deadline_after(monotonic_now(), std::chrono::seconds(60));
    for (;;) {
      const auto seen = Atomics::load_acquire(phase());
      if (seen >= wanted) {
        return;
      }
      if (os::futex_wait(phase(), seen, deadline) == os::WaitResult::timed_out) {
        throw std::runtime_error("the other process of the test does not answer");
      }
    }
  }
  [[nodiscard]] os::Descriptor requests_copy() const { return os::Descriptor(::dup(requests_.get())); }

  int run_child(pid_t parent) {
    if (!os::set_parent_death_signal(SIGKILL, parent)) {
      return 1;
    }
    const auto& shape = options_.shape;
    auto runner = memory::Segment::attach_writer(std::move(replies_),
                                                 expectation_of(memory::SegmentKind::replies, shape), "replies");
    runner.guard(control_guard_offset, page_bytes);
    runner.guard(progress_guard_offset, page_bytes);
    set_phase(1);
    await_phase(2);
    auto client = memory::Segment::attach_reader(std::move(requests_),
                                                 expectation_of(memory::SegmentKind::requests, shape), "requests");
    ServerLane lane(shape, runner.writable_body(), client.body(), {options_.mode, {}});
    if (options_.with_arenas) {
      (void)lane.open_request_arena(1, request_arena_.bytes());
      lane.add_arena(reply_arena_.writable_bytes());
    }
    set_phase(3);
    if (shape.workers == 1) {
      serve_and_park(lane);
    } else {
      serve_with_threads(lane);
    }
    return 0;
  }

  void serve_and_park(ServerLane& lane) {
    const std::uint32_t control = 0;
    ServerPark park(control);
    park.add(lane);
    Request request;
    for (;;) {
      while (lane.poll(request)) {
        execute(lane, 0, request);
      }
      park.wait(0, never);
    }
  }

  void serve_with_threads(ServerLane& lane) {
    std::mutex polling;
    auto work = [&](std::uint32_t worker) {
      Request request;
      for (;;) {
        bool taken = false;
        {
          const std::scoped_lock lock(polling);
          taken = lane.poll(request);
        }
        if (taken) {
          execute(lane, worker, request);
        } else {
          ring::yield_core();
        }
      }
    };
    std::vector<std::thread> others;
    for (std::uint32_t worker = 1; worker < options_.shape.workers; ++worker) {
      others.emplace_back(work, worker);
    }
    work(0);
  }

  void execute(ServerLane& lane, std::uint32_t worker, const Request& request) {
    lane.start(worker, request.position, request.deadline);
    CallText text;
    std::memcpy(&text, request.payload.data(), sizeof text);
    ledger_.count(text.id);
    for (std::uint64_t i = text.id % 8 == 0 ? 2'000 : text.id * 7 % 40; i > 0; --i) {
      ring::pause_core();
    }
    const auto buffer = lane.reply_buffer(request.position, text.bytes);
    if (buffer.status != CallStatus::ok) {
      lane.reply(request.position, buffer.status);
    } else {
      std::memcpy(buffer.bytes.data(), &text.id, sizeof text.id);
      for (std::uint64_t i = sizeof text.id; i < text.bytes; ++i) {
        buffer.bytes[i] = pattern(text.id, i);
      }
      lane.reply(request.position, CallStatus::ok, 0, static_cast<std::uint32_t>(text.bytes));
    }
    lane.finish(worker);
  }

  LaneProcessOptions options_;
  Ledger& ledger_;
  os::Mapping shared_;
  os::Descriptor requests_;
  os::Descriptor replies_;
  os::Mapping request_arena_;
  os::Mapping reply_arena_;
  memory::Segment client_;
  memory::Segment runner_;
  memory::Obituary obituary_;
  pid_t pid_ = 0;
  os::Descriptor pidfd_;

public:
  std::optional<CallerLane> caller;

private:
  std::optional<memory::Watcher> watcher_; // stopped before the lane goes
};

} // namespace ringfleet::call::test
