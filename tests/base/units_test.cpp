#include "ringfleet/base/error.hpp"
#include "ringfleet/base/units.hpp"

#include <limits>

#include <doctest/doctest.h>

using namespace ringfleet;
using namespace std::chrono_literals;

namespace {

template <typename Parse>
std::string refusal(Parse parse, std::string_view text) {
  try {
    (void)parse(text);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid_argument);
    return error.what();
  }
  return "accepted";
}

} // namespace

TEST_CASE("units: durations are a number and a unit") { // F42
  const std::pair<std::string_view, Nanoseconds> table[] = {
      {"0s", 0s},
      {"1ns", 1ns},
      {"250ms", 250ms},
      {"1.5s", 1500ms},
      {"007s", 7s},
      {"2m", 2min},
      {"24h", 24h},
      {"0.5h", 30min},
      {"1.000001s", 1s + 1us},
      {"9223372036854775807ns", Nanoseconds::max()},
  };
  for (const auto& [text, expected] : table) {
    CAPTURE(text);
    CHECK(parse_duration(text).count() == expected.count());
  }
}

TEST_CASE("units: sizes are a number and a binary unit") { // F42
  const std::pair<std::string_view, std::uint64_t> table[] = {
      {"0B", 0},
      {"64B", 64},
      {"1KiB", 1024},
      {"64MiB", 64 << 20},
      {"1.5KiB", 1536},
      {"16777215GiB", 16'777'215ULL << 30},
      {"18446744073709551615B", std::numeric_limits<std::uint64_t>::max()},
  };
  for (const auto& [text, expected] : table) {
    CAPTURE(text);
    CHECK(parse_bytes(text) == expected);
  }
}

TEST_CASE("units: what is not a duration or size is refused with the reason and an example") { // F42
  struct Row {
    std::string_view text;
    std::string_view reason;
  };
  const Row durations[] = {
      {"", "empty"},
      {"5", "no unit"},
      {"5 s", "unknown unit ' s'"},
      {"-5s", "does not begin with a digit"},
      {".5s", "does not begin with a digit"},
      {"5.s", "no digit behind the point"},
      {"5sec", "unknown unit 'sec'"},
      {"1.5ns", "not a whole number of ns"},
      {"1.0000001s", "more than 6 decimals"},
      {"9223372036854775808ns", "too large"},
      {"99999999h", "too large"},
      {"99999999999999999999999s", "too large"},
      {"1e3s", "unknown unit 'e3s'"},
  };
  for (const Row& row : durations) {
    const std::string text = refusal(&parse_duration, row.text);
    CAPTURE(text);
    CHECK(text.find(row.reason) != std::string::npos);
    CHECK(text.find("\"250ms\"") != std::string::npos);
  }
  const Row sizes[] = {
      {"64", "no unit"},
      {"64MB", "unknown unit 'MB'"},
      {"64k", "unknown unit 'k'"},
      {"0.3B", "not a whole"},
      {"18446744073709551616B", "too large"},
      {"17179869184GiB", "too large"},
      {"x", "does not begin with a digit"},
  };
  for (const Row& row : sizes) {
    const std::string text = refusal(&parse_bytes, row.text);
    CAPTURE(text);
    CHECK(text.find(row.reason) != std::string::npos);
    CHECK(text.find("\"64MiB\"") != std::string::npos);
  }
}

TEST_CASE("units: formatting keeps three digits and can be parsed again") {
  const std::pair<Nanoseconds, std::string_view> durations[] = {
      {0ns, "0ns"},     {850ns, "850ns"}, {1us, "1us"},       {12'345ns, "12.3us"}, {999'999ns, "1ms"},
      {1500ms, "1.5s"}, {90s, "1.5m"},    {2h, "2h"},         {123'456us, "123ms"}, {59'999ms, "1m"},
      {1'996us, "2ms"}, {-5ms, "-5ms"},   {10'040us, "10ms"},
  };
  for (const auto& [duration, expected] : durations) {
    CHECK(format_duration(duration) == expected);
  }
  const std::pair<std::uint64_t, std::string_view> sizes[] = {
      {0, "0B"},           {512, "512B"},           {1024, "1KiB"},  {1536, "1.5KiB"},
      {64 << 20, "64MiB"}, {66'584'576, "63.5MiB"}, {1023, "1023B"}, {1'048'575, "1MiB"},
  };
  for (const auto& [bytes, expected] : sizes) {
    CHECK(format_bytes(bytes) == expected);
  }
  for (const std::uint64_t bytes : {1ULL, 4'096ULL, 123'456'789ULL, 1ULL << 40}) {
    CHECK_NOTHROW((void)parse_bytes(format_bytes(bytes)));
  }
}
