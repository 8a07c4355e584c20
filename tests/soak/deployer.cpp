#include "deployer.hpp"

#include "paths.hpp"

#include "ringfleet/base/error.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace ringfleet::soak {

using namespace std::chrono_literals;

fleet::ModuleSpec module_spec(std::string id, std::string path, std::uint32_t instances) {
  fleet::ModuleSpec module;
  module.id = std::move(id);
  module.path = std::move(path);
  module.instances = instances;
  module.slots = 64;
  module.call_timeout = 2s; // so that a stopped runner is not waited for too long
  module.start_timeout = 60s;
  module.drain_timeout = 10s;
  return module;
}
fleet::ModuleSpec guest_spec() {
  return module_spec("guest", shipped_module("echo"), 1);
}

Worker::Worker() : thread_([this] { run(); }) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Worker::order(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  changed_.notify_all();
}

bool Worker::is_idle() {
  const std::lock_guard lock(mutex_);
  return tasks_.empty() && !busy_;
}

void Worker::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return ends_ || !tasks_.empty(); });
    if (tasks_.empty()) {
      return;
    }
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    busy_ = true;
    lock.unlock();
    task();
    lock.lock();
    busy_ = false;
  }
}

void Deeds::reload(const std::string& module, bool must_succeed) {
  if (module == "guest" && !guest_is_there_) {
    return;
  }
  const unsigned version = module == "teller" ? 3 - teller_version_ : 0;
  try {
    const auto report = fleet_.reload(module, version != 0 ? teller_module(version) : "");
    if (report.accepted != report.answered + report.cancelled) {
      complain(ledger_, "a reload's certificate does not add up: " + std::to_string(report.accepted) + " accepted, " +
                            std::to_string(report.answered) + " answered, " + std::to_string(report.cancelled) +
                            " cancelled");
    }
    forced += report.forced ? 1 : 0;
    teller_version_ = version != 0 ? version : teller_version_;
    ++reloads;
  } catch (const Error& error) {
    if (must_succeed) {
      complain(ledger_, "a reload with nobody in its way fails: " + std::string(error.what()));
    }
    ++disturbed;
  }
}

void Deeds::reload_broken(const std::string& module, std::uint64_t which) {
  constexpr std::array<const char*, 5> broken{"no_symbols", "constructor_aborts", "init_fails", "undefined_symbol",
                                              "wrong_abi_version"};
  try {
    (void)fleet_.reload(module, broken_module(broken[which % broken.size()]));
    complain(ledger_, std::string("a module that cannot serve was deployed: ") + broken[which % broken.size()]);
  } catch (const Error&) {
    ++rollbacks;
  }
}

void Deeds::load_guest() {
  if (!guest_is_there_) {
    fleet_.load(guest_spec());
    guest_is_there_ = true;
  }
}

void Deeds::load_or_unload_guest() {
  try {
    if (guest_is_there_) {
      fleet_.unload("guest");
      guest_is_there_ = false;
    } else {
      load_guest();
    }
    ++loads;
  } catch (const Error&) {
    ++disturbed; // its runner was killed while it was loaded
  }
}

void Deeds::crash(std::uint64_t which, std::uint64_t times) {
  constexpr std::array<const char*, 8> deaths{"abort",          "segfault",        "exit", "abort",
                                              "overflow_stack", "throw_exception", "loop", "scribble"};
  const std::string death = deaths[which % deaths.size()];
  const bool is_slow = death == "loop" || death == "scribble";
  for (std::uint64_t i = 0; i < (is_slow ? 1 : times); ++i) {
    const Reply reply = fleet_.call("bad", death, "", {death == "loop" ? Nanoseconds(20ms) : Nanoseconds(60s)});
    const auto status = reply.status();
    const bool is_expected =
        status == CallStatus::runner_lost || (death == "throw_exception" && status == CallStatus::module_exception) ||
        (death == "loop" &&
         (status == CallStatus::deadline_exceeded || status == CallStatus::no_runner)) || // its time is short
        (death == "scribble" && !reply.ok());
    if (!is_expected || reply.error().empty()) {
      complain(ledger_, "bad." + death + " ends as " + std::string(to_string(status)) + ": " + reply.error());
    }
    crashes += status == CallStatus::runner_lost ? 1 : 0;
  }
  const Reply reply = fleet_.call("bad", "ok", "", {60s});
  if (!reply.ok() && reply.status() != CallStatus::runner_lost) {
    complain(ledger_, "after bad." + death + " nobody serves: " + reply.error());
  }
}

} // namespace ringfleet::soak
