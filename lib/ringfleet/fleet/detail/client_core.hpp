#pragma once

// The calling side of a fleet in one process: finds the module's lanes through the route, picks one, makes the call,
// and moves it elsewhere when a runner closes or dies. Behind Method, PendingCall and Reply; the same for the embedded
// client and for `Client`.
//
// Two kinds of thread: calling threads (any number) and the one control thread that brings news (lanes, deaths, route
// changes). Callers never wait for the control thread except for a lane, an arena or a subscription.

#include "ringfleet/fleet/call.hpp"
#include "ringfleet/fleet/detail/client_link.hpp"
#include "ringfleet/fleet/detail/lane_entry.hpp"
#include "ringfleet/fleet/detail/pick_table.hpp"
#include "ringfleet/fleet/detail/thread_lines.hpp"
#include "ringfleet/fleet/epoch.hpp"
#include "ringfleet/fleet/route.hpp"
#include "ringfleet/memory/obituary.hpp"
#include "ringfleet/memory/segment.hpp"
#include "ringfleet/policy/retry_budget.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

namespace ringfleet::fleet {

class ClientCore {
public:
  struct Subscription {
    std::uint32_t number = 0;
    std::uint32_t generation = 0;
    Nanoseconds call_timeout{};
  };
  // The way to the scheduler, used by calling threads.
  struct Control {
    std::function<Subscription(std::string_view module)> subscribe; // blocks; throws Error(not_found, …)
    std::function<void(std::uint64_t lane, std::uint64_t bytes)> want_arena;
    std::function<void(std::uint64_t runner, std::string what)> violation;
    // Why no runner takes calls of the module, and what to do, for people. Blocks for at most `patience`; never throws.
    std::function<std::string(std::string_view module, Nanoseconds patience)> why_unserved;
  };

  ClientCore(memory::Segment route, memory::Segment epochs, Control control);
  ~ClientCore();

  // ---- calling threads
  [[nodiscard]] Method method(std::string_view module, std::string_view name);
  [[nodiscard]] Reply call(std::string_view module, std::string_view method, std::span<const std::byte> args,
                           CallOptions options);
  [[nodiscard]] PendingCall start(std::string_view module, std::string_view method, std::span<const std::byte> args,
                                  CallOptions options);
  [[nodiscard]] Reply call(ModuleView& module, std::uint32_t method, std::span<const std::byte> args,
                           CallOptions options);
  [[nodiscard]] PendingCall start(ModuleView& module, std::uint32_t method, std::span<const std::byte> args,
                                  CallOptions options);
  [[nodiscard]] Reply collect(PendingCall& call);
  [[nodiscard]] bool ready(const PendingCall& call) const;
  void cancel(PendingCall& call) noexcept;
  void drop(PendingCall& call) noexcept;

  // Every call from now on, and every one that waits for a lane, ends with `shut_down`.
  void shut_down() noexcept;

  // ---- the control thread
  void lane_offered(const LaneOffer& offer, os::Descriptor requests);
  void lane_opened(std::uint64_t lane, os::Descriptor replies);
  void lane_refused(std::uint64_t lane); // it was never opened, and will not be
  void arena_offered(std::uint64_t lane, std::uint32_t number, os::Descriptor arena); // of this side: we write it
  void arena_usable(std::uint64_t lane, std::uint32_t number);
  void arena_refused(std::uint64_t lane);
  void arena_opened(std::uint64_t lane, std::uint32_t number, os::Descriptor arena); // of the runner
  void runner_died(std::uint64_t runner, std::string_view cause);
  void lane_closed(std::uint64_t lane);
  void route_changed();
  // Every runner is as good as dead: the scheduler is gone and takes them along.
  void scheduler_died();
  // When lanes of dead runners are still in use, the time to look whether they are; else `never`. Changes with the news
  // above and with look_again(), which does nothing before.
  [[nodiscard]] MonotonicNs next_look() const noexcept { return look_at_; }
  void look_again(MonotonicNs now);

  [[nodiscard]] bool inside_before(std::uint64_t epoch) const {
    return EpochPage<>(epoch_layout_).inside_before(epoch);
  }

private:
  [[nodiscard]] static std::uint64_t thread_number() noexcept { return static_cast<std::uint64_t>(gettid()); }

  struct Placement {
    LaneEntry* lane = nullptr;
    std::uint64_t position = 0;
    CallStatus failure = CallStatus::ok; // when there is no lane
  };
  enum class Patience : std::uint8_t { wait, none };

  [[nodiscard]] Placement place(ModuleView& module, const call::RequestFields& fields, std::span<const std::byte> args,
                                call::Delivery delivery, Patience patience);
  struct Attempt {
    Placement placement;
    LaneEntry* full = nullptr; // pinned
    Service service = Service::absent;
    std::uint32_t generation = 0;
  };
  [[nodiscard]] Attempt attempt(ModuleView& module, EpochLine& line, const call::RequestFields& fields,
                                std::span<const std::byte> args, call::Delivery delivery);
  [[nodiscard]] Reply finish(ModuleView& module, LaneEntry* lane, std::uint64_t position,
                             const call::RequestFields& fields, bool held, std::uint32_t retries,
                             std::span<const std::byte> args);
  void follow(LaneEntry*& lane, std::uint64_t& position, std::uint32_t& retries, bool& held);
  [[nodiscard]] bool may_retry(const ModuleView& module, const LaneEntry& lane, std::uint32_t method);
  [[nodiscard]] Reply failure(const ModuleView& module, std::uint32_t method, CallStatus status,
                              const LaneEntry* lane = nullptr);
  [[nodiscard]] Reply not_placed(ModuleView& module, const call::RequestFields& fields, CallStatus why);
  [[nodiscard]] std::string why_unserved(ModuleView& module, MonotonicNs deadline);
  [[nodiscard]] std::uint32_t method_id(std::string_view name);
  [[nodiscard]] std::string method_name(std::uint32_t id);
  [[nodiscard]] ModuleView* view(std::string_view module);
  [[nodiscard]] bool subscribe_again(ModuleView& module, std::uint32_t absent);
  [[nodiscard]] bool grow_arena(LaneEntry& entry, std::uint64_t bytes, MonotonicNs deadline);

  [[nodiscard]] const PickTable& rebuild(ModuleView& module, std::uint64_t epoch);
  [[nodiscard]] LaneEntry* find(std::uint64_t lane); // under the lock
  [[nodiscard]] LaneEntry* find_locked(std::uint64_t lane);
  void redeliver_loose(LaneEntry& entry);
  void redeliver_waiting();
  bool redeliver(LaneEntry& from, std::uint64_t position);
  [[nodiscard]] std::string_view version_name(const std::string& version);
  void collect_garbage();
  [[nodiscard]] bool end_unused_lanes();
  [[nodiscard]] std::uint64_t lines_inside() const;

  memory::Segment route_segment_;
  memory::Segment epoch_segment_;
  EpochLayout& epoch_layout_;
  RouteReader<> route_;
  ThreadLines lines_;
  Control control_;
  memory::Obituary news_; // lanes, deaths, route changes: everybody who waits looks again
  ProcessWord<std::uint32_t> shut_down_;
  ProcessWord<std::uint32_t> scheduler_gone_;
  ProcessWord<std::uint64_t> control_thread_;

  std::mutex mutex_; // for what follows
  std::map<std::string, std::unique_ptr<ModuleView>, std::less<>> modules_;
  std::map<std::uint64_t, std::unique_ptr<LaneEntry>> lanes_;
  RetiredTables retired_;
  std::set<std::string, std::less<>> versions_;
  std::map<std::uint32_t, std::string> method_names_; // for error texts
  policy::RetryBudget retry_budget_;

  // Of the control thread only.
  std::vector<std::pair<LaneEntry*, std::uint64_t>> waiting_; // loose calls without a lane
  MonotonicNs look_at_ = never;
  Nanoseconds look_pause_{};
};

} // namespace ringfleet::fleet
