#include "trouble.hpp"

#include "../output.hpp"

#include "ringfleet/fleet/fleet.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <exception>
#include <system_error>

#include <fmt/format.h>

namespace ringfleet::cli::demo {

void Trouble::on_event(std::string_view event) {
  const auto now = monotonic_now();
  const std::lock_guard lock(mutex_);
  event_seen_ = true;
  changed_.notify_all();
  if (event.find(" died") == std::string_view::npos) {
    return;
  }
  ++deaths_;
  if (!awaited_event_.empty() && event.starts_with(awaited_event_) && detect_ns_ == 0) {
    detect_ns_ = std::max<std::uint64_t>(now - killed_at_, 1);
  }
}

void Trouble::kill_once(Fleet& fleet, Ledger& ledger) {
  if (killed_at_ != 0) {
    return;
  }
  const auto status = fleet.status();
  const auto& module = status.modules.front();
  const auto victim = std::ranges::find(module.runners, "ready", &RunnerStatus::state);
  if (victim == module.runners.end()) {
    return; // one that died by itself is being replaced; the next tick looks again
  }
  const auto newest = std::ranges::max_element(module.runners, {}, &RunnerStatus::serial);
  narrator_.say(fmt::format("SIGKILL to runner {}/{}, pid {}", module.id, victim->serial, victim->pid));
  {
    const std::lock_guard lock(mutex_);
    awaited_event_ = fmt::format("runner {}/{} died", module.id, victim->serial);
    ledger.await_answer_beyond(newest->serial);
    killed_at_ = monotonic_now();
  }
  if (kill(victim->pid, SIGKILL) != 0) {
    ledger.fail("kill a runner: " + std::generic_category().message(errno));
  }
}

void Trouble::look(const Ledger& ledger) {
  const auto answered_at = ledger.answered_at();
  if (answered_at == 0 || serving_ns_ != 0 || detect_ns_ == 0) {
    return;
  }
  serving_ns_ = answered_at - killed_at_;
  narrator_.say(fmt::format("the crash was detected after {}, the replacement answered after {}",
                            duration_text(detect_ns_), duration_text(serving_ns_)));
}

void Trouble::reload_once(Fleet& fleet, Ledger& ledger, const std::string& path) {
  if (reload_.joinable()) {
    return;
  }
  narrator_.say(fmt::format("reload of {}", one_line(path)));
  reload_ = std::jthread([this, &fleet, &ledger, path] {
    try {
      const auto asked_at = monotonic_now();
      const auto report = fleet.reload("zstd", path);
      const auto took = monotonic_now() - asked_at;
      narrator_.say(fmt::format("reloaded, version {} to {}, in {}: {} calls accepted by the old runners, {} answered, "
                                "{} cancelled",
                                one_line(report.from_version), one_line(report.to_version), duration_text(took),
                                grouped(report.accepted), grouped(report.answered), grouped(report.cancelled)));
      reload_ns_ = took;
    } catch (const std::exception& error) {
      ledger.fail(error.what());
    }
    const std::lock_guard lock(mutex_);
    event_seen_ = true;
    changed_.notify_all();
  });
}

void Trouble::wait_for_change(Nanoseconds timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [this] { return event_seen_; });
  event_seen_ = false;
}

void Trouble::finish() {
  if (reload_.joinable()) {
    reload_.join();
  }
}

} // namespace ringfleet::cli::demo
