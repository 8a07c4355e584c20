#include "ringfleet/base/clock.hpp"
#include "ringfleet/base/error.hpp"

#include <cerrno>

#include <doctest/doctest.h>

using namespace ringfleet;

TEST_CASE("error: the text says what failed, why, and what to do") {
  const auto error = Error::from_errno("open 'x.toml'", ENOENT, "check the path");
  CHECK(std::string(error.what()) == "open 'x.toml': No such file or directory (check the path)");
  CHECK(error.code() == ErrorCode::not_found);
  CHECK(error.errno_value() == ENOENT);
}

TEST_CASE("error: context is put in front and keeps code, errno and advice") {
  const auto error = Error::from_errno("allocate 1 MiB", ENOSPC, "free some memory").in("create lane 3");
  CHECK(std::string(error.what()) == "create lane 3: allocate 1 MiB: No space left on device (free some memory)");
  CHECK(error.code() == ErrorCode::no_memory);
  CHECK(error.errno_value() == ENOSPC);
}

TEST_CASE("clock: a deadline saturates instead of wrapping, and a negative timeout is now") {
  CHECK(deadline_after(never - 5, Nanoseconds(10)) == never);
  CHECK(deadline_after(100, Nanoseconds(-1)) == 100);
  CHECK(deadline_after(100, Nanoseconds(20)) == 120);
}
