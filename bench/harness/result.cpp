#include "harness/result.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ringfleet::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Quantile {
  const char* key;
  const char* heading;
  double quantile;
};
constexpr std::array quantiles{
    Quantile{"p50_ns", "p50", 0.50},      Quantile{"p90_ns", "p90", 0.90},         Quantile{"p99_ns", "p99", 0.99},
    Quantile{"p99_9_ns", "p99.9", 0.999}, Quantile{"p99_99_ns", "p99.99", 0.9999},
};

double rounded(double value) {
  return std::round(value * 10) / 10;
}
// Of facts, which are as small as a share of a core or as large as a process.
double four_digits(double value) {
  return std::abs(value) >= 1'000 ? std::round(value) : std::stod(fmt::format("{:.4g}", value));
}
double rounded_ratio(double value) {
  return std::round(value * 1000) / 1000;
}

Json parameter_value(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? Json(number) : Json(text);
}

void add_parameters(Json& json, const Parameters& parameters) {
  for (const auto& [name, value] : parameters) {
    json[name] = parameter_value(value);
  }
}

Json row_json(const RowResult& row) {
  Json json{{"row", row.name}};
  add_parameters(json, row.parameters);
  if (row.latency.count() > 0) {
    for (const auto& [key, heading, quantile] : quantiles) {
      json[key] = rounded(row.latency.quantile_ns(quantile));
    }
    json["max_ns"] = rounded(row.latency.max_ns());
  }
  if (row.ops_per_s > 0) {
    json["ops_per_s"] = rounded(row.ops_per_s);
  }
  for (const auto& [name, value] : row.facts) {
    json[name] = four_digits(value);
  }
  return json;
}

Json ratio_json(const RatioResult& ratio) {
  const auto number = [&](double value) { return ratio.rounds > 0 ? Json(rounded_ratio(value)) : Json(nullptr); };
  return {{"median", number(ratio.median)},
          {"min", number(ratio.min)},
          {"max", number(ratio.max)},
          {"rounds", ratio.rounds},
          {"kind", ratio.kind == RatioKind::time ? "time" : "rate"}};
}

std::string human_ns(double ns) {
  if (ns < 10'000) {
    return fmt::format("{:.1f} ns", ns);
  }
  return ns < 10'000'000 ? fmt::format("{:.1f} us", ns / 1e3) : fmt::format("{:.1f} ms", ns / 1e6);
}

std::string human_rate(double per_second) {
  if (per_second >= 1e6) {
    return fmt::format("{:.2f} M/s", per_second / 1e6);
  }
  return per_second >= 1e3 ? fmt::format("{:.1f} k/s", per_second / 1e3) : fmt::format("{:.1f} /s", per_second);
}

std::string label(const std::string& row_name, const Parameters& parameters) {
  std::string text = row_name;
  for (const auto& [name, value] : parameters) {
    text += fmt::format(" {}={}", name, value);
  }
  return text;
}

} // namespace

void print_json(const Result& result) {
  const Machine& machine = result.machine;
  Json json{
      {"benchmark", result.benchmark},
      {"machine",
       {{"cpu", machine.cpu},
        {"cores", machine.cores},
        {"kernel", machine.kernel},
        {"governor", machine.governor},
        {"compiler", machine.compiler},
        {"flags", machine.flags},
        {"commit", machine.commit},
        {"command", machine.command}}},
      {"mood", result.mood_ns ? Json(rounded(*result.mood_ns)) : Json(nullptr)},
      {"rows", Json::array()},
      {"ratios", Json::object()},
  };
  for (const RowResult& row : result.rows) {
    json["rows"].push_back(row_json(row));
  }
  for (const RatioResult& ratio : result.ratios) {
    json["ratios"][ratio.name] = ratio_json(ratio);
  }
  for (const MissingRow& row : result.missing) {
    Json missing{{"row", row.name}, {"missing", row.why}};
    add_parameters(missing, row.parameters);
    json["missing"].push_back(std::move(missing));
  }
  std::puts(json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

void print_table(const Result& result) {
  const Machine& machine = result.machine;
  fmt::print("{}\n", result.benchmark);
  for (const auto& [name, value] : {std::pair<std::string_view, std::string_view>{"cpu", machine.cpu},
                                    {"cores", machine.cores},
                                    {"kernel", machine.kernel},
                                    {"governor", machine.governor},
                                    {"compiler", machine.compiler},
                                    {"flags", machine.flags},
                                    {"commit", machine.commit},
                                    {"command", machine.command}}) {
    fmt::print("  {:<9} {}\n", name, value);
  }
  if (result.mood_ns) {
    fmt::print("  {:<9} two cores bounce a line in {:.0f} ns\n", "mood", *result.mood_ns);
  }
  fmt::print("  {:<9} {} measured\n\n", "rounds", result.rounds_measured);

  std::size_t width = 3;
  for (const RowResult& row : result.rows) {
    width = std::max(width, label(row.name, row.parameters).size());
  }
  fmt::print("{:<{}}", "row", width);
  for (const Quantile& quantile : quantiles) {
    fmt::print(" {:>11}", quantile.heading);
  }
  fmt::print(" {:>11} {:>11}\n", "max", "rate");
  for (const RowResult& row : result.rows) {
    std::string line = fmt::format("{:<{}}", label(row.name, row.parameters), width);
    for (const Quantile& quantile : quantiles) {
      line +=
          fmt::format(" {:>11}", row.latency.count() > 0 ? human_ns(row.latency.quantile_ns(quantile.quantile)) : "");
    }
    line += fmt::format(" {:>11}", row.latency.count() > 0 ? human_ns(row.latency.max_ns()) : "");
    line += fmt::format(" {:>11}", row.ops_per_s > 0 ? human_rate(row.ops_per_s) : "");
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
    for (const auto& [name, value] : row.facts) {
      fmt::print("  {} = {}\n", name, four_digits(value));
    }
  }

  for (const MissingRow& row : result.missing) {
    fmt::print("{:<{}} MISSING: {}\n", label(row.name, row.parameters), width, row.why);
  }

  fmt::print("\n");
  for (const RatioResult& ratio : result.ratios) {
    const char* better = ratio.kind == RatioKind::time ? "time, small is good" : "rate, large is good";
    if (ratio.rounds == 0) {
      fmt::print("{:<32} no round was quiet enough ({})\n", ratio.name, better);
    } else {
      fmt::print("{:<32} {:.3f}  ({:.3f} to {:.3f} in {} rounds; {})\n", ratio.name, ratio.median, ratio.min, ratio.max,
                 ratio.rounds, better);
    }
  }
}

} // namespace ringfleet::bench
