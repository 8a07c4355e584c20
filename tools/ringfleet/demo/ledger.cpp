#include "ledger.hpp"

#include <utility>

namespace ringfleet::cli::demo {

void Tally::add(const Tally& other) {
  files += other.files;
  bytes_in += other.bytes_in;
  bytes_out += other.bytes_out;
  accepted += other.accepted;
  answered += other.answered;
  failed += other.failed;
  retried += other.retried;
  mismatched += other.mismatched;
  for (const auto& [version, calls] : other.by_version) {
    by_version[version] += calls;
  }
  latency.merge(other.latency);
  skipped.add(other.skipped);
  if (first_failed.empty()) {
    first_failed = other.first_failed;
  }
}

void Ledger::fail(std::string text) {
  const std::lock_guard lock(mutex_);
  if (failure_.empty()) {
    failure_ = std::move(text);
  }
  stop();
}

std::string Ledger::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void Ledger::answered_by(std::uint64_t serial, MonotonicNs now) noexcept {
  if (serial <= awaited_serial_) {
    return;
  }
  MonotonicNs none = 0;
  answered_at_.compare_exchange_strong(none, now);
}

} // namespace ringfleet::cli::demo
