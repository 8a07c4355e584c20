#pragma once

// What this runner counts, in the file that the scheduler handed over; nothing when it gave none. Worker thread.

#include "module_host.hpp"

#include "ringfleet/counter/counter_writer.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace ringfleet::runner {

class Tally {
public:
  // Throws Error.
  void attach(const os::Descriptor& file, std::string_view module) {
    writer_.emplace(file, module);
    writer_->text("module").set(module);
    version_ = writer_->text("version");
    state_ = writer_->text("state");
    calls_ = writer_->counter("calls");
    errors_ = writer_->counter("errors");
    exceptions_ = writer_->counter("exceptions");
    no_space_ = writer_->counter("no_space");
    refused_ = writer_->counter("refused");
    bytes_in_ = writer_->counter("bytes_in");
    bytes_out_ = writer_->counter("bytes_out");
    lanes_ = writer_->gauge("lanes");
    state_.set("loading");
  }

  void state(std::string_view text) noexcept { state_.set(text); }
  void version(std::string_view text) noexcept { version_.set(text); }
  void lanes(std::uint64_t count) noexcept { lanes_.set(count); }
  // A request that never reached the module.
  void refused() noexcept { refused_.add(); }
  void executed(const Outcome& outcome, std::uint64_t bytes_in, std::uint64_t bytes_out) noexcept {
    ++executed_;
    calls_.add();
    bytes_in_.add(bytes_in);
    bytes_out_.add(bytes_out);
    switch (outcome.status) {
    case CallStatus::ok: break;
    case CallStatus::module_exception: exceptions_.add(); break;
    case CallStatus::no_space:
    case CallStatus::too_large: no_space_.add(); break;
    default: errors_.add(); break;
    }
  }
  [[nodiscard]] std::uint64_t executed_total() const noexcept { return executed_; }

private:
  std::optional<counter::CounterWriter> writer_;
  counter::Text version_;
  counter::Text state_;
  counter::Counter calls_;
  counter::Counter errors_;
  counter::Counter exceptions_;
  counter::Counter no_space_;
  counter::Counter refused_;
  counter::Counter bytes_in_;
  counter::Counter bytes_out_;
  counter::Counter lanes_;
  std::uint64_t executed_ = 0;
};

} // namespace ringfleet::runner
