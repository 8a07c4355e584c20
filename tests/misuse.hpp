#pragma once

// What a child says that does something which must end it, under AddressSanitizer. It makes what it misuses: mappings
// are not inherited.

#include <string>

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

namespace ringfleet::test {

template <class Misuse>
std::string last_words_of(Misuse&& misuse) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const auto child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    misuse();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string said;
  char bytes[4'096];
  for (auto count = ::read(ends[0], bytes, sizeof bytes); count > 0; count = ::read(ends[0], bytes, sizeof bytes)) {
    said.append(bytes, static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status != 0);
  return said;
}

} // namespace ringfleet::test
