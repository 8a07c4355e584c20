#pragma once

// What a benchmark found, as plain values, and the two ways to print it: JSON for programs, a table for people.

#include "harness/histogram.hpp"
#include "harness/machine.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ringfleet::bench {

// Name and value of what distinguishes a row; a value that is a whole number is printed as one.
using Parameters = std::vector<std::pair<std::string, std::string>>;

enum class RatioKind { time, rate }; // of p50, better small; of ops_per_s, better large

struct RowResult {
  std::string name; // `ours…`, `floor_…`, `baseline_…` or `peer_…`
  Parameters parameters;
  Histogram latency; // empty where the row has none
  double ops_per_s = 0;
  std::map<std::string, double> facts; // further numbers, e.g. pss_bytes
};

struct RatioResult {
  std::string name; // "ours/floor_bounce"
  double median = 0;
  double min = 0;
  double max = 0;
  std::size_t rounds = 0; // 0: no round was quiet enough; the three numbers mean nothing
  RatioKind kind = RatioKind::time;
};

// A row that could not be measured, and why.
struct MissingRow {
  std::string name;
  Parameters parameters;
  std::string why;
};

struct Result {
  std::string benchmark;
  Machine machine;
  std::optional<double> mood_ns; // p50 of floor_bounce
  std::vector<RowResult> rows;
  std::vector<RatioResult> ratios;
  std::vector<MissingRow> missing;
  std::size_t rounds_measured = 0; // the dropped ones included
};

void print_json(const Result& result);
void print_table(const Result& result);

} // namespace ringfleet::bench
