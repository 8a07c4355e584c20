#include "ringfleet/os/fork.hpp"

#include "ringfleet/base/error.hpp"

#include <mutex>
#include <utility>

#include <pthread.h>

namespace ringfleet::os {

struct Lease::Node {
  Descriptor descriptor;
  Node* before = nullptr;
  Node* after = nullptr;
};

namespace {

// Never destroyed: leases may end later than any static object.
struct Leases {
  std::mutex mutex;
  Lease::Node head; // of a ring
  Leases() noexcept { head.before = head.after = &head; }
};

Leases& leases() {
  static Leases& all = *new Leases;
  return all;
}

// The forking thread holds the mutex across the fork, so the child finds the list whole; in it only async-signal-safe
// calls are made.
void before_fork() {
  leases().mutex.lock();
}
void after_fork_in_parent() {
  leases().mutex.unlock();
}
void after_fork_in_child() {
  auto& all = leases();
  for (auto* node = all.head.after; node != &all.head; node = node->after) {
    node->descriptor.reset();
  }
  detail::forks.set(detail::forks.peek() + 1);
  all.mutex.unlock();
}

} // namespace

void watch_forks() {
  static const int error = [] {
    (void)leases();
    return ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  }();
  if (error != 0) {
    throw Error::from_errno("watch for forks of this process", error);
  }
}

Lease::Lease() noexcept = default;
Lease::Lease(Lease&&) noexcept = default;

Lease& Lease::operator=(Lease&& other) noexcept {
  Lease taken(std::move(other));
  std::swap(node_, taken.node_);
  return *this;
}

Lease::Lease(Descriptor descriptor) : node_(std::make_unique<Node>()) {
  watch_forks();
  auto& all = leases();
  const std::lock_guard lock(all.mutex);
  node_->descriptor = std::move(descriptor);
  node_->before = &all.head;
  node_->after = all.head.after;
  node_->before->after = node_.get();
  node_->after->before = node_.get();
}

Lease::~Lease() {
  if (node_ != nullptr) {
    const std::lock_guard lock(leases().mutex);
    node_->before->after = node_->after;
    node_->after->before = node_->before;
    node_->descriptor.reset();
  }
}

int Lease::get() const noexcept {
  return node_ != nullptr ? node_->descriptor.get() : -1;
}

} // namespace ringfleet::os
