#include "ringfleet/base/units.hpp"

#include "ringfleet/base/error.hpp"

#include <array>
#include <limits>
#include <span>

#include <fmt/format.h>

namespace ringfleet {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Ascending: formatting takes the largest that fits.
constexpr std::array duration_units{Unit{"ns", 1},
                                    Unit{"us", 1'000},
                                    Unit{"ms", 1'000'000},
                                    Unit{"s", 1'000'000'000},
                                    Unit{"m", 60'000'000'000},
                                    Unit{"h", 3'600'000'000'000}};
constexpr std::array size_units{Unit{"B", 1}, Unit{"KiB", 1ULL << 10}, Unit{"MiB", 1ULL << 20},
                                Unit{"GiB", 1ULL << 30}};

struct Kind {
  std::span<const Unit> units;
  std::string_view noun;
  std::string_view advice;
};

constexpr Kind duration_kind{duration_units, "duration",
                             R"(write a number and one of ns us ms s m h, for example "250ms" or "1.5s")"};
constexpr Kind size_kind{size_units, "size",
                         R"(write a number and one of B KiB MiB GiB, for example "1KiB" or "64MiB")"};

[[noreturn]] void refuse(const Kind& kind, std::string_view text, std::string_view why) {
  throw Error(ErrorCode::invalid_argument, fmt::format("\"{}\" is not a {}: {}", text, kind.noun, why),
              std::string(kind.advice));
}

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// digits [. digits] unit, in exact integer arithmetic.
std::uint64_t parse(const Kind& kind, std::string_view text, std::uint64_t result_max) {
  const auto refused = [&](std::string_view why) { refuse(kind, text, why); };
  std::uint64_t whole = 0;
  std::uint64_t fraction = 0;
  std::uint64_t fraction_scale = 1;
  std::size_t at = 0;
  for (; at < text.size() && is_digit(text[at]); ++at) {
    const auto digit = static_cast<std::uint64_t>(text[at] - '0');
    if (whole > (result_max - digit) / 10) {
      refused("too large");
    }
    whole = whole * 10 + digit;
  }
  if (at == 0) {
    refused(text.empty() ? "empty" : "it does not begin with a digit");
  }
  if (at < text.size() && text[at] == '.') {
    const std::size_t first = ++at;
    for (; at < text.size() && is_digit(text[at]); ++at) {
      if (at - first == 6) {
        refused("more than 6 decimals");
      }
      fraction = fraction * 10 + static_cast<std::uint64_t>(text[at] - '0');
      fraction_scale *= 10;
    }
    if (at == first) {
      refused("no digit behind the point");
    }
  }
  const std::string_view name = text.substr(at);
  if (name.empty()) {
    refused("no unit");
  }
  for (const Unit& unit : kind.units) {
    if (unit.name != name) {
      continue;
    }
    const std::uint64_t part = fraction * unit.factor; // < 10^6 × 3.6 × 10^12
    if (part % fraction_scale != 0) {
      refused(fmt::format("not a whole number of {}", kind.units.front().name));
    }
    if (whole > (result_max - part / fraction_scale) / unit.factor) {
      refused("too large");
    }
    return whole * unit.factor + part / fraction_scale;
  }
  refuse(kind, text, fmt::format("unknown unit '{}'", name));
}

// Three significant digits, rounded to nearest; a value that would round up to the next unit is written in that unit.
std::string format(const Kind& kind, std::uint64_t value) {
  std::size_t index = kind.units.size() - 1;
  while (index > 0 && value < kind.units[index].factor) {
    --index;
  }
  const Unit& unit = kind.units[index];
  if (value % unit.factor == 0) {
    return fmt::format("{}{}", value / unit.factor, unit.name);
  }
  const double number = static_cast<double>(value) / static_cast<double>(unit.factor);
  std::string digits = fmt::format("{:.{}f}", number, number < 9.995 ? 2 : number < 99.95 ? 1 : 0);
  if (index + 1 < kind.units.size() &&
      std::stod(digits) * static_cast<double>(unit.factor) >= static_cast<double>(kind.units[index + 1].factor)) {
    return fmt::format("1{}", kind.units[index + 1].name);
  }
  if (digits.find('.') != std::string::npos) {
    digits.erase(digits.find_last_not_of('0') + 1);
    if (digits.back() == '.') {
      digits.pop_back();
    }
  }
  return digits + std::string(unit.name);
}

} // namespace

Nanoseconds parse_duration(std::string_view text) {
  constexpr auto longest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return Nanoseconds(static_cast<std::int64_t>(parse(duration_kind, text, longest)));
}

std::uint64_t parse_bytes(std::string_view text) {
  return parse(size_kind, text, std::numeric_limits<std::uint64_t>::max());
}

std::string format_duration(Nanoseconds duration) {
  if (duration < Nanoseconds::zero()) {
    return "-" + format(duration_kind, ~static_cast<std::uint64_t>(duration.count()) + 1);
  }
  return format(duration_kind, static_cast<std::uint64_t>(duration.count()));
}

std::string format_bytes(std::uint64_t bytes) {
  return format(size_kind, bytes);
}

} // namespace ringfleet
