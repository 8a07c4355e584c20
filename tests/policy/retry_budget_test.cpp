#include "ringfleet/policy/retry_budget.hpp"

#include <doctest/doctest.h>

using ringfleet::policy::RetryBudget;

namespace {

std::uint64_t admitted(RetryBudget& budget, std::uint64_t calls_total, std::uint64_t wanted) {
  std::uint64_t count = 0;
  for (std::uint64_t attempt = 0; attempt < wanted; ++attempt) {
    count += budget.admit(calls_total) ? 1 : 0;
  }
  return count;
}

} // namespace

TEST_CASE("retry_budget: a quiet client may retry a few times, and no more") { // F7
  RetryBudget budget;
  CHECK(admitted(budget, 0, 1'000) == RetryBudget::floor_retries);
}

TEST_CASE("retry_budget: when every call wants a retry one in five gets it") { // F7
  RetryBudget budget;
  std::uint64_t retries = 0;
  for (std::uint64_t calls = 1; calls <= 100'000; ++calls) {
    retries += budget.admit(calls) ? 1 : 0;
  }
  CHECK(retries == 20'000 + RetryBudget::floor_retries);
}

TEST_CASE("retry_budget: a long quiet time saves up no more than the ceiling") {
  RetryBudget budget;
  CHECK(admitted(budget, 1'000'000'000'000, 5'000) == RetryBudget::ceiling_retries);
  CHECK(admitted(budget, ~0ULL, 5'000) == RetryBudget::ceiling_retries);
}

TEST_CASE("retry_budget: a total that runs backwards gives nothing") {
  RetryBudget budget;
  (void)admitted(budget, 1'000, 1'000);
  CHECK(admitted(budget, 500, 10) == 0);
  CHECK(admitted(budget, 1'005, 10) == 1);
}
