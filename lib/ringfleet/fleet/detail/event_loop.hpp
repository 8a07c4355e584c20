#pragma once

// The scheduler's one thread of control: readiness of descriptors, posted commands, and time, one after the other. All
// control state of a fleet belongs to this thread, so none of it has a lock.

#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/error.hpp"
#include "ringfleet/os/event_counter.hpp"
#include "ringfleet/os/poller.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace ringfleet::fleet {

class EventLoop {
public:
  using Token = std::uint64_t;
  using OnReady = std::function<void()>;

  EventLoop();

  // Loop thread only. `on_ready` runs whenever `fd` is readable or hung up, until unwatch(); it may unwatch itself or
  // others.
  Token watch(int fd, OnReady on_ready);
  void unwatch(Token token, int fd) noexcept;

  // Any thread. Runs `command` on the loop thread, in order of posting.
  void post(std::function<void()> command);

  // Any thread but the loop's. Runs `function` on the loop thread and returns its result or throws the Error it threw.
  template <typename Function>
  auto ask(Function function) -> std::invoke_result_t<Function> {
    using Result = std::invoke_result_t<Function>;
    // The Error is copied, so that no two threads share an exception object: who of them frees it is decided inside the
    // C++ runtime, where ThreadSanitizer sees nothing.
    std::promise<std::optional<Error>> failed;
    std::conditional_t<std::is_void_v<Result>, std::monostate, std::optional<Result>> result;
    post([&] {
      std::optional<Error> failure;
      try {
        if constexpr (std::is_void_v<Result>) {
          function();
        } else {
          result.emplace(function());
        }
      } catch (const Error& error) {
        failure = error;
      } catch (...) {
        failed.set_exception(std::current_exception());
        return;
      }
      failed.set_value(std::move(failure));
    });
    if (const auto failure = failed.get_future().get()) {
      throw *failure;
    }
    if constexpr (!std::is_void_v<Result>) {
      return std::move(*result);
    }
  }

  // Runs on the calling thread until stop(): waits until something is ready or `next_deadline()` passes, then calls
  // `on_time(now)`.
  void run(const std::function<MonotonicNs()>& next_deadline, const std::function<void(MonotonicNs)>& on_time);
  // Any thread.
  void stop();

private:
  void run_commands();

  os::Poller poller_;
  os::EventCounter wake_;
  Token next_token_ = 1;
  std::unordered_map<Token, OnReady> handlers_;
  std::mutex mutex_;
  std::vector<std::function<void()>> commands_;
  bool stopping_ = false;
};

} // namespace ringfleet::fleet
