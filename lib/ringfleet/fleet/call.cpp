#include "ringfleet/fleet/call.hpp"

#include "ringfleet/fleet/detail/client_core.hpp"

#include <utility>

namespace ringfleet {

Reply::Reply(Reply&& other) noexcept
    : status_(other.status_), module_code_(other.module_code_), retries_(other.retries_), runner_(other.runner_),
      version_(other.version_), bytes_(std::exchange(other.bytes_, {})), owned_(std::move(other.owned_)),
      lane_(std::exchange(other.lane_, nullptr)), position_(other.position_), error_(std::move(other.error_)) {}

Reply& Reply::operator=(Reply&& other) noexcept {
  Reply taken(std::move(other));
  std::swap(status_, taken.status_);
  std::swap(module_code_, taken.module_code_);
  std::swap(retries_, taken.retries_);
  std::swap(runner_, taken.runner_);
  std::swap(version_, taken.version_);
  std::swap(bytes_, taken.bytes_);
  std::swap(owned_, taken.owned_);
  std::swap(lane_, taken.lane_);
  std::swap(position_, taken.position_);
  std::swap(error_, taken.error_);
  return *this;
}

Reply::~Reply() {
  release();
}

void Reply::release() noexcept {
  if (lane_ != nullptr) {
    std::exchange(lane_, nullptr)->release(position_);
  }
  bytes_ = {};
  owned_.clear();
}

std::string Reply::error() const {
  return ok() ? std::string() : error_;
}

PendingCall::PendingCall(PendingCall&& other) noexcept
    : core_(std::exchange(other.core_, nullptr)), module_(other.module_), lane_(std::exchange(other.lane_, nullptr)),
      position_(other.position_), method_(other.method_), deadline_(other.deadline_),
      failure_(std::move(other.failure_)) {}

PendingCall& PendingCall::operator=(PendingCall&& other) noexcept {
  PendingCall taken(std::move(other));
  std::swap(core_, taken.core_);
  std::swap(module_, taken.module_);
  std::swap(lane_, taken.lane_);
  std::swap(position_, taken.position_);
  std::swap(method_, taken.method_);
  std::swap(deadline_, taken.deadline_);
  std::swap(failure_, taken.failure_);
  return *this;
}

PendingCall::~PendingCall() {
  if (core_ != nullptr) {
    core_->drop(*this);
  }
}

bool PendingCall::ready() const noexcept {
  return core_ == nullptr || core_->ready(*this);
}

Reply PendingCall::get() {
  if (core_ == nullptr) {
    return {};
  }
  Reply reply = core_->collect(*this);
  core_ = nullptr;
  lane_ = nullptr;
  return reply;
}

void PendingCall::cancel() noexcept {
  if (core_ != nullptr) {
    core_->cancel(*this);
  }
}

Reply Method::call(std::span<const std::byte> args, CallOptions options) const {
  return core_->call(*module_, id_, args, options);
}

PendingCall Method::start(std::span<const std::byte> args, CallOptions options) const {
  return core_->start(*module_, id_, args, options);
}

} // namespace ringfleet
