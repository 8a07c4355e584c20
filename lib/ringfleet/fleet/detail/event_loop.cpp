#include "ringfleet/fleet/detail/event_loop.hpp"

namespace ringfleet::fleet {
namespace {

constexpr EventLoop::Token wake_token = 0;

} // namespace

EventLoop::EventLoop() {
  poller_.add(wake_.fd(), wake_token);
}

EventLoop::Token EventLoop::watch(int fd, OnReady on_ready) {
  const Token token = next_token_++;
  handlers_.emplace(token, std::move(on_ready));
  try {
    poller_.add(fd, token);
  } catch (...) {
    handlers_.erase(token);
    throw;
  }
  return token;
}

void EventLoop::unwatch(Token token, int fd) noexcept {
  if (handlers_.erase(token) != 0) {
    poller_.remove(fd);
  }
}

void EventLoop::post(std::function<void()> command) {
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back(std::move(command));
  }
  wake_.signal();
}

void EventLoop::stop() {
  post([this] { stopping_ = true; });
}

void EventLoop::run_commands() {
  std::vector<std::function<void()>> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(commands_);
  }
  for (auto& command : taken) {
    command();
  }
}

void EventLoop::run(const std::function<MonotonicNs()>& next_deadline,
                    const std::function<void(MonotonicNs)>& on_time) {
  std::vector<Token> ready;
  while (!stopping_) {
    ready.clear();
    for (const auto& event : poller_.wait(next_deadline())) {
      ready.push_back(event.token);
    }
    for (const Token token : ready) {
      if (token == wake_token) {
        wake_.drain();
        run_commands();
      } else if (const auto found = handlers_.find(token); found != handlers_.end()) {
        const OnReady handler = found->second; // a copy: the handler may unwatch itself
        handler();
      }
    }
    on_time(monotonic_now());
  }
  run_commands();
}

} // namespace ringfleet::fleet
