#include "ringfleet/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace ringfleet::detail {

void assertion_failed(const char* condition, const char* file, int line, const char* why) noexcept {
  std::fprintf(stderr, "ringfleet: broken invariant at %s:%d: %s (%s)\n", file, line, why, condition);
  std::abort();
}

} // namespace ringfleet::detail
