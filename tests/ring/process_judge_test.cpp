// Who is dead: what cannot be looked at is not.

#include "../os/forked_child.hpp"

#include "ringfleet/ring/process_judge.hpp"
#include "ringfleet/ring/shared_owners.hpp"

#include <doctest/doctest.h>

#include <sys/resource.h>
#include <sys/wait.h>

using namespace ringfleet;
using namespace ringfleet::ring;
using namespace ringfleet::test;

TEST_CASE(
    "process judge: the dead are not taken for dead as long as there is no descriptor to look at them") { // fault 17
  const auto child = fork_child([] { return 0; });
  siginfo_t ended{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT) == 0);
  const auto identity = os::identity_of(child); // which it has until somebody waits for it
  REQUIRE(identity);
  rlimit enough{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &enough) == 0);
  rlimit none = enough;
  none.rlim_cur = 0;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const bool is_dead = is_surely_dead_producer(owner_identity(*identity));
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &enough) == 0);
  CHECK_FALSE(is_dead);
  CHECK(is_surely_dead_producer(owner_identity(*identity)));
  CHECK(wait_for_child(child).to_string() == "exited with 0");
}
