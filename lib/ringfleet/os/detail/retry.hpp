#pragma once

// Repeats a system call that a signal interrupted.

#include <cerrno>

namespace ringfleet::os::detail {

template <typename Call>
auto retry(Call call) noexcept(noexcept(call())) {
  auto result = call();
  while (result == -1 && errno == EINTR) {
    result = call();
  }
  return result;
}

} // namespace ringfleet::os::detail
