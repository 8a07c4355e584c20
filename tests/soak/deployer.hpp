#pragma once

// One thread that does to the fleet of a soak what takes its time, while the others go on: reloads, good ones and such
// that must fail, loads and unloads, and calls that crash their runner. Orders queue; none is lost.

#include "ledger.hpp"
#include "ringfleet/fleet/fleet.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace ringfleet::soak {

[[nodiscard]] fleet::ModuleSpec module_spec(std::string id, std::string path, std::uint32_t instances);
[[nodiscard]] fleet::ModuleSpec guest_spec();

class Worker {
public:
  Worker();
  ~Worker(); // does what was ordered first
  void order(std::function<void()> task);
  [[nodiscard]] bool is_idle();

private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool busy_ = false;
  bool ends_ = false;
  std::thread thread_;
};

// The deeds; each is called on one thread, and none at the same time for the same module.
class Deeds {
public:
  Deeds(Ledger& ledger, Fleet& fleet) : ledger_(ledger), fleet_(fleet) {}

  // The other version of the teller, the same file again for the rest. Its candidate may be killed meanwhile: that is
  // an error with a name, and the old version serves on.
  void reload(const std::string& module, bool must_succeed);
  void reload_broken(const std::string& module, std::uint64_t which);
  void load_or_unload_guest();
  void load_guest();
  // Calls that end their runner, one after the other.
  void crash(std::uint64_t which, std::uint64_t times);

  std::atomic<std::uint64_t> reloads{0};
  std::atomic<std::uint64_t> rollbacks{0}; // refused, as they had to be
  std::atomic<std::uint64_t> disturbed{0}; // good ones whose candidate was killed
  std::atomic<std::uint64_t> loads{0};
  std::atomic<std::uint64_t> crashes{0};
  std::atomic<std::uint64_t> forced{0};

private:
  Ledger& ledger_;
  Fleet& fleet_;
  unsigned teller_version_ = 1;
  bool guest_is_there_ = true;
};

} // namespace ringfleet::soak
