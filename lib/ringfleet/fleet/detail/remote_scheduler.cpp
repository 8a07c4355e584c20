#include "ringfleet/fleet/detail/remote_scheduler.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/version.hpp"
#include "ringfleet/fleet/detail/status_json.hpp"
#include "ringfleet/fleet/presence.hpp"
#include "ringfleet/os/runtime_directory.hpp"

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

namespace ringfleet::fleet {
namespace {

using call::ControlMessage;
using call::ControlType;

// The name that was asked for, or the only fleet that runs.
std::string choose_fleet(std::string_view wanted) {
  const std::vector<std::string> running = running_fleets();
  if (!wanted.empty()) {
    if (is_running(wanted)) {
      return std::string(wanted);
    }
    throw Error(ErrorCode::not_found, fmt::format("attach to fleet '{}': it does not run", wanted),
                running.empty()
                    ? fmt::format("no fleet runs in {}; start one with 'ringfleet up FILE'", os::runtime_base_path())
                    : fmt::format("running: {}", fmt::join(running, ", ")));
  }
  if (running.size() == 1) {
    return running.front();
  }
  if (running.empty()) {
    throw Error(ErrorCode::not_found, fmt::format("attach to a fleet: none runs in {}", os::runtime_base_path()),
                "start one with 'ringfleet up FILE'");
  }
  throw Error(ErrorCode::not_found,
              fmt::format("attach to a fleet: {} run: {}", running.size(), fmt::join(running, ", ")),
              "choose one with --fleet NAME");
}

} // namespace

RemoteScheduler::RemoteScheduler(std::string_view fleet_name, Nanoseconds timeout)
    : name_(choose_fleet(fleet_name)), timeout_(timeout),
      channel_(os::Socket::connect(os::fleet_directory_path(name_) + "/control")), watcher_(obituary_) {
  socket_watch_ = watcher_.watch(channel_.fd(), [this](memory::Watcher::Readiness) {
    read();
    look_again_later();
  });
}

RemoteScheduler::~RemoteScheduler() {
  if (core_) {
    core_->shut_down();
  }
}

// A process that ends lets go of its name and of its connections at about the same time; who keeps the name has hung
// up.
Error RemoteScheduler::gone() const {
  constexpr auto ending = std::chrono::seconds(1);
  const auto until = deadline_after(monotonic_now(), ending);
  while (is_running(name_)) {
    if (monotonic_now() >= until) {
      return {ErrorCode::system,
              fmt::format("talk to the scheduler of fleet '{}': it runs, and has ended the connection", name_),
              "try again; when it does so each time it lacks memory or descriptors"};
    }
    std::this_thread::yield();
  }
  return {ErrorCode::peer_died, fmt::format("talk to the scheduler of fleet '{}': it is gone", name_),
          "look at 'ringfleet status' and start it again with 'ringfleet up FILE'"};
}

void RemoteScheduler::send(const call::ControlMessage& message) {
  if (channel_.send(message, {}, deadline_after(monotonic_now(), timeout_)) == os::SocketStatus::would_block) {
    throw Error(ErrorCode::timed_out,
                fmt::format("talk to the scheduler of fleet '{}': it does not read its messages", name_),
                "it is stopped or hangs; look at its process");
  }
}

// The right to ask, from the moment that nobody else does until this object ends.
class RemoteScheduler::Turn {
public:
  Turn(RemoteScheduler& scheduler, const Wait& wait) : scheduler_(scheduler) {
    std::unique_lock lock(scheduler_.mutex_);
    wait(lock, [this] { return !scheduler_.asking_; });
    scheduler_.asking_ = true;
    scheduler_.answer_.reset(); // said unasked
  }
  ~Turn() {
    {
      const std::lock_guard lock(scheduler_.mutex_);
      scheduler_.asking_ = false;
    }
    scheduler_.changed_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

private:
  RemoteScheduler& scheduler_;
};

call::ControlMessage RemoteScheduler::exchange(const call::ControlMessage& question, Patience patience) {
  const auto give_up = std::chrono::steady_clock::now() + patience.value_or(Nanoseconds(0));
  const Wait wait = [&](std::unique_lock<std::mutex>& lock, const std::function<bool()>& condition) {
    if (!patience) {
      changed_.wait(lock, condition);
    } else if (!changed_.wait_until(lock, give_up, condition)) {
      throw no_answer(question.type, *patience);
    }
  };
  const Turn turn(*this, wait);
  send(question);
  std::unique_lock lock(mutex_);
  try {
    wait(lock, [this] { return gone_ || answer_; });
  } catch (const Error&) {
    ++given_up_;
    greeted_ |= question.type == ControlType::client_hello;
    throw;
  }
  return take_answer();
}

Error RemoteScheduler::no_answer(ControlType question, Nanoseconds waited) const {
  return {ErrorCode::timed_out,
          fmt::format("ask the scheduler of fleet '{}' for '{}': no answer within {} ms", name_,
                      call::to_string(question), std::chrono::duration_cast<std::chrono::milliseconds>(waited).count()),
          "it is stopped or hangs; look at its process, 'ringfleet-stat' works all the same"};
}

// Under the mutex; there is one, or the scheduler is gone.
call::ControlMessage RemoteScheduler::take_answer() {
  if (!answer_) {
    throw other_version_ ? *other_version_ : gone();
  }
  call::ControlMessage answer = std::move(*answer_);
  answer_.reset();
  if (answer.type == ControlType::refused) {
    throw Error(static_cast<ErrorCode>(answer.a), answer.text);
  }
  return answer;
}

// A scheduler takes one hello of a connection: when it was given up, its answer is waited for again.
call::ControlMessage RemoteScheduler::greet() {
  std::unique_lock lock(mutex_);
  if (!greeted_) {
    lock.unlock();
    ControlMessage hello{ControlType::client_hello, static_cast<std::uint64_t>(getpid())};
    hello.text = version;
    return exchange(hello, timeout_);
  }
  if (!changed_.wait_for(lock, timeout_, [this] { return gone_ || late_welcome_; })) {
    throw no_answer(ControlType::client_hello, timeout_);
  }
  if (!late_welcome_) {
    throw other_version_ ? *other_version_ : gone();
  }
  return *std::exchange(late_welcome_, std::nullopt);
}

std::string RemoteScheduler::ask(const std::string& request, Patience patience) {
  ControlMessage question{ControlType::request};
  question.text = request;
  return exchange(question, patience).text;
}

void RemoteScheduler::wait_for_end() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return gone_; });
}

ClientCore& RemoteScheduler::core() {
  const std::lock_guard core_lock(core_mutex_);
  if (core_) {
    return *core_;
  }
  call::ControlMessage welcome = greet();
  if (welcome.type != ControlType::welcome || welcome.descriptors.size() != 2) {
    throw Error(ErrorCode::bad_message, fmt::format("attach to fleet '{}': unexpected answer", name_));
  }
  ClientCore::Control control;
  control.subscribe = [this](std::string_view module) {
    ControlMessage question{ControlType::subscribe};
    question.text = module;
    const auto answer = exchange(question, timeout_);
    return ClientCore::Subscription{static_cast<std::uint32_t>(answer.a), static_cast<std::uint32_t>(answer.c),
                                    Nanoseconds(static_cast<std::int64_t>(answer.b))};
  };
  control.want_arena = [this](std::uint64_t lane, std::uint64_t bytes) {
    send({ControlType::arena_wanted, lane, 0, bytes});
  };
  control.violation = [this](std::uint64_t runner, std::string what) {
    ControlMessage message{ControlType::violation, runner};
    message.text = std::move(what);
    send(message);
  };
  control.why_unserved = [this](std::string_view module, Nanoseconds patience) {
    try {
      const OperatorRequest request{.op = "why_unserved", .module = std::string(module)};
      return unserved_from_json(ask(to_json(request), patience)).why;
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  auto epochs =
      memory::Segment::attach_writer(std::move(welcome.descriptors[1]),
                                     {memory::SegmentKind::epochs, sizeof(EpochLayout), epoch_fingerprint}, "epochs");
  auto route = memory::Segment::attach_reader(
      std::move(welcome.descriptors[0]), {memory::SegmentKind::route, sizeof(RouteLayout), route_fingerprint}, "route");
  {
    const std::lock_guard lock(mutex_);
    core_ = std::make_unique<ClientCore>(std::move(route), std::move(epochs), std::move(control));
  }
  send({ControlType::epochs_mapped});
  return *core_;
}

// ---- the watcher's thread

void RemoteScheduler::read() {
  for (;;) {
    call::ControlMessage message;
    try {
      switch (channel_.receive(message)) {
      case os::SocketStatus::ok: handle(message); continue;
      case os::SocketStatus::would_block: return;
      case os::SocketStatus::closed: scheduler_is_gone(); return;
      }
    } catch (const Error& error) {
      if (error.code() == ErrorCode::version_mismatch) {
        const std::lock_guard lock(mutex_);
        other_version_ = error;
      }
      refuse(message);
    }
  }
}

// A lane or arena that cannot be taken: no descriptor or memory is left in this process. The scheduler is told, and
// makes another lane a little later; a payload that wanted the arena does without.
void RemoteScheduler::refuse(const call::ControlMessage& message) {
  try {
    switch (message.type) {
    case ControlType::lane_offer_client:
    case ControlType::lane_open_client:
      offers_.erase(message.a);
      core_->lane_refused(message.a);
      send({ControlType::lane_retired, message.a});
      return;
    case ControlType::arena_offer:
    case ControlType::arena_open:
      send({ControlType::arena_refused, message.a, message.b, message.type == ControlType::arena_offer ? 1ULL : 0ULL});
      return;
    default: return;
    }
  } catch (const Error&) {
    // Nothing can be sent either: the caller's wait is bounded by its deadline.
  }
}

void RemoteScheduler::scheduler_is_gone() {
  watcher_.unwatch(socket_watch_);
  ClientCore* core = nullptr;
  {
    const std::lock_guard lock(mutex_);
    gone_ = true;
    core = core_.get();
  }
  changed_.notify_all();
  if (core != nullptr) {
    core->scheduler_died();
    // The runners go with their scheduler; each death is the kernel's word.
    for (auto& [serial, pidfd] : runners_) {
      watcher_.watch_death(pidfd, [this, core, runner = serial] {
        core->runner_died(runner, "ended with its scheduler");
        look_again_later();
      });
    }
  }
}

// The lanes of dead runners that are in use now go when they are not, whether there is news or not.
void RemoteScheduler::look_again_later() {
  ClientCore* core = nullptr;
  {
    const std::lock_guard lock(mutex_);
    core = core_.get();
  }
  if (core != nullptr) {
    watcher_.remind(core->next_look(), [this, core] {
      core->look_again(monotonic_now());
      look_again_later();
    });
  }
}

void RemoteScheduler::handle(call::ControlMessage& message) {
  ClientCore* core = nullptr;
  {
    const std::lock_guard lock(mutex_);
    core = core_.get();
    switch (message.type) {
    case ControlType::welcome:
    case ControlType::refused:
    case ControlType::subscribed:
    case ControlType::response:
      // Answers come in the order of the questions, so these are those of questions that were given up.
      if (given_up_ == 0) {
        answer_ = std::move(message);
      } else {
        --given_up_;
        if (message.type == ControlType::welcome) {
          late_welcome_ = std::move(message);
        }
      }
      changed_.notify_all();
      return;
    default: break;
    }
  }
  if (core == nullptr) {
    return;
  }
  const auto number = static_cast<std::uint32_t>(message.b);
  const bool has_descriptor = !message.descriptors.empty();
  switch (message.type) {
  case ControlType::lane_offer_client:
    if (has_descriptor) {
      LaneOffer offer;
      offer.lane = message.a;
      offer.runner = message.d;
      offer.module = static_cast<std::uint32_t>(message.b >> 32);
      offer.shape = {static_cast<std::uint32_t>(message.b), static_cast<std::uint32_t>(message.c), 1};
      offer.spin = (message.c >> 32 & 1) != 0;
      offer.facts = std::move(message.text);
      core->lane_offered(offer, std::move(message.descriptors[0]));
      send({ControlType::lane_mapped_client, offer.lane});
      offers_.emplace(offer.lane, std::move(offer));
    }
    return;
  case ControlType::lane_open_client:
    if (const auto offer = offers_.find(message.a); offer != offers_.end() && message.descriptors.size() == 2) {
      core->lane_opened(message.a, std::move(message.descriptors[0]));
      runners_[offer->second.runner] = std::move(message.descriptors[1]);
      offers_.erase(offer);
      send({ControlType::lane_ready_client, message.a});
    }
    return;
  case ControlType::arena_offer:
    if (has_descriptor) {
      core->arena_offered(message.a, number, std::move(message.descriptors[0]));
      send({ControlType::arena_mapped, message.a, number});
    }
    return;
  case ControlType::arena_open:
    if (has_descriptor) {
      core->arena_opened(message.a, number, std::move(message.descriptors[0]));
      send({ControlType::arena_ready, message.a, number});
    }
    return;
  case ControlType::arena_ready: core->arena_usable(message.a, number); return;
  case ControlType::arena_refused: core->arena_refused(message.a); return;
  case ControlType::runner_died:
    runners_.erase(message.a);
    // Nothing more will be said about the lanes to it that were under way.
    std::erase_if(offers_, [&](const auto& item) { return item.second.runner == message.a; });
    core->runner_died(message.a, message.text);
    return;
  case ControlType::lane_retired:
    offers_.erase(message.a);
    core->lane_refused(message.a);
    return;
  case ControlType::lane_closed: core->lane_closed(message.a); return;
  case ControlType::route_changed: core->route_changed(); return;
  default: return; // a message of a later release that this one need not understand
  }
}

} // namespace ringfleet::fleet
