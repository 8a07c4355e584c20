#pragma once

// Random tests print their seed and accept one, so that a failure can be repeated: RINGFLEET_TEST_SEED=42 and, where a
// test has rounds, RINGFLEET_TEST_ROUNDS=100000.

#include <cstdint>
#include <cstdlib>
#include <string>

namespace ringfleet::test {

inline std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::stoull(text) : otherwise;
}

inline std::uint64_t seed_or(std::uint64_t otherwise) {
  return number_from_environment("RINGFLEET_TEST_SEED", otherwise);
}

inline std::uint64_t rounds_or(std::uint64_t otherwise) {
  return number_from_environment("RINGFLEET_TEST_ROUNDS", otherwise);
}

} // namespace ringfleet::test
