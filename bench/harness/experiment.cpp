#include "harness/experiment.hpp"

#include "harness/process.hpp"

#include "ringfleet/base/error.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string_view>

#include <fmt/format.h>

namespace ringfleet::bench {
namespace {

constexpr double gate_part_of_slice = 0.2;
constexpr double gate_may_move = 0.2;
constexpr std::size_t attempts_per_round = 3;

double median_of(std::vector<double> values) {
  if (values.empty()) {
    return 0;
  }
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

bool moved(double before, double after) {
  return std::max(before, after) > (1 + gate_may_move) * std::min(before, after);
}

// "@bytes=64,batch=1": no parameter of the row says otherwise.
bool agrees(const Parameters& parameters, std::string_view suffix) {
  while (!suffix.empty()) {
    suffix.remove_prefix(1);
    const std::string_view binding = suffix.substr(0, suffix.find(','));
    suffix.remove_prefix(binding.size());
    const auto equals = binding.find('=');
    for (const auto& [name, value] : parameters) {
      if (name == binding.substr(0, equals) && value != binding.substr(equals + 1)) {
        return false;
      }
    }
  }
  return true;
}

bool is_meant(const Row& row, const std::string& name) {
  const auto at = std::min(name.find('@'), name.size());
  return row.name == name.substr(0, at) && agrees(row.parameters, std::string_view(name).substr(at));
}

} // namespace

Experiment::Experiment(std::string name, Options options, Row gate)
    : name_(std::move(name)), options_(std::move(options)) {
  rows_.push_back(std::move(gate));
}

void Experiment::add(Row row) {
  if (row.missing.empty()) {
    rows_.push_back(std::move(row));
    return;
  }
  std::fprintf(stderr, "%s: WITHOUT %s: %s\n", name_.c_str(), row.name.c_str(), row.missing.c_str());
  missing_.push_back(std::move(row));
}

void Experiment::add_ratio(std::string numerator, std::string denominator, RatioKind kind, std::string suffix) {
  const bool is_missing = std::any_of(missing_.begin(), missing_.end(), [&](const Row& row) {
    return (is_meant(row, numerator) || is_meant(row, denominator)) && agrees(row.parameters, suffix);
  });
  if (is_missing) {
    return;
  }
  ratios_.push_back({std::move(numerator), std::move(denominator), kind, std::move(suffix)});
}

// A row pins itself as it likes; the next one, and what it starts, begins with all cores again.
Sample Experiment::measure(const Row& row, double part_of_slice) const {
  const KeepAffinity keep;
  try {
    return row.measure({options_.slice_seconds() * part_of_slice, options_.client_core, options_.server_core});
  } catch (const Error& error) {
    throw error.in(row.name);
  }
}

void Experiment::measure_round() {
  Round round(rows_.size());
  Measurement& gate = round[0];
  Sample before = measure(rows_[0], gate_part_of_slice);
  gate.sample.latency.add(before.latency);
  std::vector<double> gate_rates{before.ops_per_s};
  for (std::size_t row = 1; row < rows_.size(); ++row) {
    Measurement& measured = round[row];
    measured.sample = measure(rows_[row], 1);
    Sample after = measure(rows_[0], gate_part_of_slice);
    const double before_ns = before.latency.quantile_ns(0.5);
    const double after_ns = after.latency.quantile_ns(0.5);
    measured.gate_p50_ns = (before_ns + after_ns) / 2;
    measured.kept = options_.smoke || !moved(before_ns, after_ns);
    gate.kept = gate.kept || measured.kept;
    gate.sample.latency.add(after.latency);
    gate_rates.push_back(after.ops_per_s);
    before = std::move(after);
  }
  gate.sample.ops_per_s = median_of(std::move(gate_rates));
  rounds_.push_back(std::move(round));
}

bool Experiment::enough() const {
  if (rounds_.size() >= options_.rounds * attempts_per_round) {
    return true;
  }
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    const auto kept =
        std::count_if(rounds_.begin(), rounds_.end(), [&](const Round& round) { return round[row].kept; });
    if (static_cast<std::size_t>(kept) < options_.rounds) {
      return false;
    }
  }
  return true;
}

std::size_t Experiment::index_of(const std::string& name, const std::string& suffix) const {
  const auto found = std::find_if(rows_.begin(), rows_.end(), [&](const Row& row) {
    return is_meant(row, name) && agrees(row.parameters, suffix);
  });
  if (found == rows_.end()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("a ratio names the row '{}{}', which does not exist", name, suffix));
  }
  return static_cast<std::size_t>(found - rows_.begin());
}

// Of the kept rounds; of all of them when none was quiet enough.
RowResult Experiment::row_result(std::size_t row) const {
  const bool any_kept =
      std::any_of(rounds_.begin(), rounds_.end(), [&](const Round& round) { return round[row].kept; });
  RowResult result{.name = rows_[row].name, .parameters = rows_[row].parameters, .latency = {}, .facts = {}};
  std::vector<double> rates;
  std::map<std::string, std::vector<double>> facts;
  for (const Round& round : rounds_) {
    const Measurement& measured = round[row];
    if (any_kept && !measured.kept) {
      continue;
    }
    result.latency.add(measured.sample.latency);
    rates.push_back(measured.sample.ops_per_s);
    for (const auto& [name, value] : measured.sample.facts) {
      facts[name].push_back(value);
    }
  }
  result.ops_per_s = median_of(std::move(rates));
  for (auto& [name, values] : facts) {
    result.facts[name] = median_of(std::move(values));
  }
  return result;
}

RatioResult Experiment::ratio_result(const Ratio& ratio) const {
  const std::size_t numerator = index_of(ratio.numerator, ratio.suffix);
  const std::size_t denominator = index_of(ratio.denominator, ratio.suffix);
  std::vector<double> quotients;
  for (const Round& round : rounds_) {
    const Measurement& above = round[numerator];
    const Measurement& below = round[denominator];
    if (!above.kept || !below.kept) {
      continue;
    }
    if (ratio.kind == RatioKind::rate) {
      quotients.push_back(above.sample.ops_per_s / below.sample.ops_per_s);
    } else {
      const double floor_ns = denominator == 0 ? above.gate_p50_ns : below.sample.latency.quantile_ns(0.5);
      quotients.push_back(above.sample.latency.quantile_ns(0.5) / floor_ns);
    }
  }
  RatioResult result{
      .name = ratio.numerator + "/" + ratio.denominator + ratio.suffix, .rounds = quotients.size(), .kind = ratio.kind};
  if (!quotients.empty()) {
    const auto [smallest, largest] = std::minmax_element(quotients.begin(), quotients.end());
    result.min = *smallest;
    result.max = *largest;
    result.median = median_of(std::move(quotients));
  }
  return result;
}

Result Experiment::result() const {
  Result result{.benchmark = name_,
                .machine = describe_machine(options_),
                .mood_ns = std::nullopt,
                .rows = {},
                .ratios = {},
                .missing = {},
                .rounds_measured = rounds_.size()};
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    result.rows.push_back(row_result(row));
    if (rows_[row].name == "floor_bounce") {
      result.mood_ns = result.rows.back().latency.quantile_ns(0.5);
    }
  }
  for (const Row& row : missing_) {
    result.missing.push_back({row.name, row.parameters, row.missing});
  }
  for (const Ratio& ratio : ratios_) {
    result.ratios.push_back(ratio_result(ratio));
  }
  return result;
}

int Experiment::run() {
  try {
    while (!enough()) {
      measure_round();
    }
    options_.json ? print_json(result()) : print_table(result());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name_.c_str(), error.what());
    return 1;
  }
  return 0;
}

} // namespace ringfleet::bench
