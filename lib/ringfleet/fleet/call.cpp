#include "ringfleet/fleet/call.hpp"

#include "ringfleet/fleet/detail/client_core.hpp"

#include <utility>

namespace ringfleet {

Reply::Reply(Reply&& other) noexcept {
  swap(other);
}

Reply& Reply::operator=(Reply&& other) noexcept {
  Reply taken(std::move(other));
  swap(taken);
  return *this;
}

void Reply::swap(Reply& other) noexcept {
  std::swap(status_, other.status_);
  std::swap(module_code_, other.module_code_);
  std::swap(retries_, other.retries_);
  std::swap(runner_, other.runner_);
  std::swap(version_, other.version_);
  std::swap(bytes_, other.bytes_);
  std::swap(owned_, other.owned_);
  std::swap(lane_, other.lane_);
  std::swap(position_, other.position_);
  std::swap(error_, other.error_);
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

PendingCall::PendingCall(PendingCall&& other) noexcept {
  swap(other);
}

PendingCall& PendingCall::operator=(PendingCall&& other) noexcept {
  PendingCall taken(std::move(other));
  swap(taken);
  return *this;
}

void PendingCall::swap(PendingCall& other) noexcept {
  std::swap(core_, other.core_);
  std::swap(module_, other.module_);
  std::swap(lane_, other.lane_);
  std::swap(position_, other.position_);
  std::swap(method_, other.method_);
  std::swap(deadline_, other.deadline_);
  std::swap(failure_, other.failure_);
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
