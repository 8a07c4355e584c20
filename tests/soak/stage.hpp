#pragma once

// Everything that a soak runs on: a fleet in this process, its callers here and in clients, channels with producers and
// readers, and the directories that they use. Comes up at rest, goes down in order.

#include "cast.hpp"
#include "deployer.hpp"
#include "resources.hpp"
#include "ringfleet/fleet/fleet.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace ringfleet::soak {

class Stage {
public:
  Stage();
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // Gives an order, and waits until callers and producers obey it.
  void order(Order order);
  // After an order to rest: every reader that stays has everything that was accepted, every call has ended.
  void check_that_nothing_is_lost();
  // At rest: every caller knows every module, and then all runners are new, so that nothing is left of the old ones.
  void settle();
  [[nodiscard]] Picture picture();
  // In order; what is left afterwards is a complaint.
  void go_down();

  [[nodiscard]] Ledger& ledger() noexcept { return *ledger_; }
  [[nodiscard]] Cast& cast() noexcept { return *cast_; }
  [[nodiscard]] Fleet& fleet() noexcept { return *fleet_; }
  [[nodiscard]] Deeds& deeds() noexcept { return *deeds_; }
  [[nodiscard]] Worker& deployer() noexcept { return *deployer_; }
  [[nodiscard]] Worker& crasher() noexcept { return *crasher_; }
  [[nodiscard]] const Part& common() const noexcept { return common_; }
  [[nodiscard]] std::uint64_t calls_finished() const;
  [[nodiscard]] std::uint64_t messages_seen() const;
  // The latest events of the fleet, a line each.
  [[nodiscard]] std::string recent_events();

private:
  void start_fleet();
  void start_channels();
  void start_callers();
  void wait_for_readers();
  void replace_readers();
  [[nodiscard]] std::vector<Word*> ready_words(const Part& part);
  [[nodiscard]] bool has_read_all(std::size_t channel, std::size_t reader);
  [[nodiscard]] std::string what_it_has_read(std::size_t channel, std::size_t reader);
  void tell(std::string_view event);

  std::string directory_;
  std::string word_;
  Part common_;
  Ledger* ledger_ = nullptr;
  std::mutex mutex_;
  std::deque<std::string> events_;
  std::unique_ptr<Cast> cast_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<Deeds> deeds_;
  std::unique_ptr<Worker> deployer_;
  std::unique_ptr<Worker> crasher_;
  std::vector<std::thread> callers_;
};

} // namespace ringfleet::soak
