#pragma once

// The operations of ServerPark off the hot path; included where they are instantiated.

#include "ringfleet/call/server_park.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/ring/parking.hpp"

#include <algorithm>

namespace ringfleet::call {

template <class A>
BasicServerPark<A>::BasicServerPark(const std::uint32_t& control_word)
    : control_word_(control_word), words_(1), ladder_(ring::ladder_for_this_process()) {}

template <class A>
void BasicServerPark<A>::add(BasicServerLane<A>& lane) {
  if (lanes_.size() == limits::lanes_per_runner_max) {
    throw Error(ErrorCode::limit_reached, "add another lane to a runner that serves 126 lanes",
                "a sleeping runner can watch 126; use more instances of the module, or fewer clients");
  }
  lanes_.push_back(&lane);
  words_.resize(lanes_.size() + 1);
  spins_ = spins_ || lane.mode() == WaitMode::spin;
}

template <class A>
void BasicServerPark<A>::remove(BasicServerLane<A>& lane) {
  std::erase(lanes_, &lane);
  words_.resize(lanes_.size() + 1);
  spins_ = std::any_of(lanes_.begin(), lanes_.end(), [](auto* one) { return one->mode() == WaitMode::spin; });
}

template <class A>
void BasicServerPark<A>::park(std::uint32_t control_seen, MonotonicNs deadline) {
  std::size_t count = 0;
  for (auto* lane : lanes_) {
    auto& protocol = lane->protocol();
    if (lane->is_closed()) {
      continue;
    }
    // The stamp is read before the look below: if it changes later, the kernel does not let us sleep.
    const auto& stamp = protocol.request_stamp();
    words_[count++] = {&ring::futex_half(stamp), static_cast<std::uint32_t>(A::load_acquire(stamp)), true};
    ring::announce_wait<A>(protocol.server_flag(), protocol.next() + 1);
  }
  words_[count++] = {&control_word_, control_seen, false};
  if (!has_work(control_seen)) {
    const auto begin = os::Host<A>::now();
    os::Host<A>::park(std::span(words_).first(count), deadline);
    ladder_.parked_for(os::Host<A>::now() - begin);
  }
}

} // namespace ringfleet::call
