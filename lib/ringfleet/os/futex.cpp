#include "ringfleet/os/futex.hpp"

#include "ringfleet/base/error.hpp"
#include "ringfleet/base/limits.hpp"
#include "ringfleet/os/detail/timeout.hpp"

#include <array>
#include <cerrno>

#include <fmt/format.h>

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ringfleet::os {
namespace {

// The deadline `never` is handed over as "no deadline": its seconds are beyond what the kernel accepts.
WaitResult result_of(long returned, int error, const char* operation) {
  if (returned >= 0) {
    return WaitResult::woken;
  }
  switch (error) {
  case EAGAIN: return WaitResult::changed;
  case ETIMEDOUT: return WaitResult::timed_out;
  case EINTR: return WaitResult::interrupted;
  case ENOMEM:
    // The kernel copies the list of words. Who waits looks again anyway, and the shortage passes.
    ::sched_yield();
    return WaitResult::interrupted;
  case ENOSYS:
    throw Error(ErrorCode::system, fmt::format("{}: this kernel does not have it", operation),
                "use Linux 5.16 or newer", error);
  default: throw Error::from_errno(operation, error);
  }
}

} // namespace

int futex_wake(const std::uint32_t& word, int count, bool shared) noexcept {
  const int operation = FUTEX_WAKE | (shared ? 0 : FUTEX_PRIVATE_FLAG);
  const long woken = ::syscall(SYS_futex, &word, operation, count, nullptr, nullptr, 0);
  return woken < 0 ? 0 : static_cast<int>(woken);
}

WaitResult futex_wait(const std::uint32_t& word, std::uint32_t expected, MonotonicNs deadline, bool shared) {
  const timespec until = detail::to_timespec(deadline);
  // WAIT_BITSET takes an absolute time, plain WAIT a relative one.
  const int operation = FUTEX_WAIT_BITSET | (shared ? 0 : FUTEX_PRIVATE_FLAG);
  const long returned = ::syscall(SYS_futex, &word, operation, expected, deadline == never ? nullptr : &until, nullptr,
                                  FUTEX_BITSET_MATCH_ANY);
  return result_of(returned, errno, "wait on a futex");
}

WaitResult futex_wait_any(std::span<const FutexWord> words, MonotonicNs deadline) {
  if (words.empty() || words.size() > limits::futex_words_max) {
    throw Error(
        words.empty() ? ErrorCode::invalid_argument : ErrorCode::limit_reached,
        fmt::format("wait on {} words at once: the kernel takes 1 to {}", words.size(), limits::futex_words_max),
        "attach fewer peers to one thread");
  }
  std::array<futex_waitv, limits::futex_words_max> waiters{};
  for (std::size_t i = 0; i < words.size(); ++i) {
    waiters[i].val = words[i].expected;
    waiters[i].uaddr = reinterpret_cast<std::uintptr_t>(words[i].word);
    waiters[i].flags = FUTEX_32 | (words[i].shared ? 0U : static_cast<unsigned>(FUTEX_PRIVATE_FLAG));
  }
  const timespec until = detail::to_timespec(deadline);
  const long returned = ::syscall(SYS_futex_waitv, waiters.data(), static_cast<unsigned>(words.size()), 0U,
                                  deadline == never ? nullptr : &until, CLOCK_MONOTONIC);
  return result_of(returned, errno, "wait on several futexes (futex_waitv)");
}

} // namespace ringfleet::os
